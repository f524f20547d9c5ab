/** Version of this software, as releases and sessions name it. */
export const SOFTWARE_VERSION = "0.1.0";

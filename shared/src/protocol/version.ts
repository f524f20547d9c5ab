/** Version of every message on the wire; parties with another version refuse each other by name. */
export const PROTOCOL_VERSION = 1;

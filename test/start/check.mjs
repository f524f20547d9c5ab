/** `npm run check`: format, lint, types, arrows, dead code, unit tests, in about a minute. */
import { checkSources, conclude, runTests } from "./checks.mjs";
import { prepare } from "./prepare.mjs";

await prepare();
conclude([checkSources(), runTests("unit")]);

/** `npm test`: installs and compiles what it needs, then checks and tests everything. No network, GPU or Docker. */
import { checkSources, conclude, runTests } from "./checks.mjs";
import { prepare } from "./prepare.mjs";

await prepare();
conclude([checkSources(), runTests("unit"), runTests("processes")]);

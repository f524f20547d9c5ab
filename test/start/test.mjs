/** `npm test`: installs and compiles what it needs, then checks and tests everything. No network, GPU or Docker. */
import { checkSources, conclude, runTests, takeNoArguments } from "./checks.mjs";
import { prepare } from "./prepare.mjs";

takeNoArguments("Usage: npm test\nAll of npm run check, and the tests with real processes and the browser.");
await prepare();
conclude([await checkSources(), runTests("unit"), runTests("processes"), runTests("timed")]);

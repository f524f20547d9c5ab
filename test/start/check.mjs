/** `npm run check`: format, lint, types, arrows, dead code, unit tests, in about a minute. */
import { checkSources, conclude, runTests, takeNoArguments } from "./checks.mjs";
import { prepare } from "./prepare.mjs";

takeNoArguments("Usage: npm run check\nFormat, lint, types, arrows between folders, dead code, unit tests.");
await prepare();
conclude([await checkSources(), runTests("unit")]);

import { Command, CommanderError } from "commander";
import { registerAccount } from "./command/account.ts";
import { registerAudit } from "./command/audit.ts";
import { registerBudget } from "./command/budget.ts";
import { registerCa } from "./command/ca.ts";
import { registerCoordinator } from "./command/coordinator.ts";
import { registerInit } from "./command/init.ts";
import { rememberFolder, reportFailure } from "./command/output.ts";
import { registerPlan } from "./command/plan.ts";
import { registerRelease } from "./command/release.ts";
import { registerSchema } from "./command/schema.ts";
import { registerStudy } from "./command/study.ts";
import { registerValidate } from "./command/validate.ts";
import { registerVerify } from "./command/verify.ts";
import { SOFTWARE_VERSION } from "./version.ts";

const EXIT_USAGE = 2;

const program = new Command("consilium")
  .description("train one private model across hospitals, audit it, release it with proof")
  .version(SOFTWARE_VERSION)
  .exitOverride()
  .showHelpAfterError("(--help shows every option)")
  .addHelpText(
    "after",
    `
In order:
  consilium coordinator init --data ./consortium
  consilium coordinator start --data ./consortium
  consilium account invite NAME --role lead --data ./consortium
  consilium ca invite SITE --data ./consortium
  consilium init my-study
  consilium validate my-study/study.yaml
  consilium plan my-study/study.yaml
  consilium study propose my-study/study.yaml --data ./consortium
  consilium study start my-study --data ./consortium
  consilium study watch my-study --data ./consortium
  consilium verify ./consortium/releases/my-study --key ./consortium/consortium.pub`,
  );
program.hook("preAction", (_program, action) => {
  const { data } = action.opts();
  rememberFolder(action.getOptionValueSource("data") === "cli" && typeof data === "string" ? data : null);
});
registerInit(program);
registerValidate(program);
registerPlan(program);
registerSchema(program);
registerCoordinator(program);
registerCa(program);
registerAccount(program);
registerStudy(program);
registerBudget(program);
registerAudit(program);
registerRelease(program);
registerVerify(program);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
  else process.exitCode = reportFailure(error, process.argv.includes("--json"));
}

import { readFileSync } from "node:fs";
import { readSecretFile } from "@consilium/certs/files";
import { FAILURE_EXIT_CODE, Failure } from "@consilium/shared/failure/failure";
import { Argument, Command, CommanderError } from "commander";
import { z } from "zod";
import type { CommandContext } from "./command/context.ts";
import { DATA_HELP } from "./command/dataHelp.ts";
import { addDataReport } from "./command/dataReportCommand.ts";
import { addDeidentify } from "./command/deidentifyCommand.ts";
import { addEngineCommands } from "./command/engineCommands.ts";
import {
  type ApproveFlags,
  type CheckFlags,
  dataOption,
  folderByDefault,
  type JoinFlags,
  noToken,
  notOneStudy,
  passwordOption,
  portNumber,
  type Shared,
  stewardFlags,
  yesOption,
} from "./command/flags.ts";
import { addLedgerCommands } from "./command/ledgerCommands.ts";
import { outputTo, rememberFolder, reportFailure } from "./command/output.ts";
import { addRecordsRelease } from "./command/recordsCommand.ts";
import { addReleaseCommands } from "./command/releaseCommand.ts";
import { addSanitizeCommand } from "./command/sanitizeCommand.ts";
import { addBudgetDecisions, addStewardCommands, addStudyDecisions } from "./command/stewardCommands.ts";
import { dataFolder } from "./storage/folder.ts";

/** Each is loaded when it is asked for: DuckDB and the tensor engine take longer to load than most commands to run. */
const commands = {
  agent: () => import("./command/agent.ts"),
  budget: () => import("./command/budget.ts"),
  data: () => import("./command/datasets.ts"),
  dataCheck: () => import("./command/data.ts"),
  doctor: () => import("./command/doctor.ts"),
  join: () => import("./command/join.ts"),
  pictures: () => import("./command/pictures.ts"),
  page: () => import("./command/page.ts"),
  predict: () => import("./command/predict.ts"),
  schema: () => import("./command/schema.ts"),
  study: () => import("./command/study.ts"),
  studyCheck: () => import("./command/studyCheck.ts"),
};

const INTERRUPTED_EXIT_CODE = 130;
const Package = z.object({ version: z.string() });

let isInterrupted = false;

function outputOf({ json = false }: { readonly json?: boolean }): ReturnType<typeof outputTo> {
  return outputTo(process.stdout, process.stderr, json);
}

function context(options: Shared): CommandContext {
  const terminal = { input: process.stdin, output: process.stderr };
  return { folder: dataFolder(options.data), environment: process.env, output: outputOf(options), terminal };
}

/** Aborted by Ctrl-C or a service manager; asked a second time, the process ends at once: what is booked is durable. */
function stopSignal(): AbortSignal {
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (stopping.signal.aborted) process.exit(INTERRUPTED_EXIT_CODE);
      isInterrupted = signal === "SIGINT";
      stopping.abort();
    });
  }
  return stopping.signal;
}

function version(): string {
  return Package.parse(JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))).version;
}

const program = new Command("consilium-site")
  .description("Everything that a hospital runs to take part in a consortium's studies")
  .version(version())
  .showSuggestionAfterError()
  .showHelpAfterError("(--help shows every option)")
  .exitOverride()
  .addHelpText(
    "after",
    `
Examples:
  consilium-site join TOKEN --data ./site --steward "Dr. Bell"
  consilium-site data register heart ./heart.csv --data ./site
  consilium-site budget cap heart --epsilon 4 --delta 1e-4 --data ./site
  consilium-site start --data ./site
  consilium-site study approve heart-disease --data ./site`,
  );

program.hook("preAction", (_program, action) => {
  const { data } = action.opts();
  // The `--data` of `study check FILE` is a table.
  const isGiven = action.getOptionValueSource("data") === "cli" && action.name() !== "check";
  rememberFolder(isGiven && typeof data === "string" ? data : null);
});

/** A command with the options that all of them share. */
function command(parent: Command, nameAndArguments: string, description: string): Command {
  return parent
    .command(nameAndArguments)
    .description(description)
    .addOption(dataOption())
    .option("--json", "one JSON value on standard output");
}

command(program, "join [token]", "join the consortium that a token names")
  .option("--token-file <file>", "file with the token (mode 0600), instead of the argument")
  .option("--steward <name>", "who approves studies and sets caps; needed when this site is new")
  .addOption(passwordOption())
  .action(async (token: string | undefined, options: Shared & JoinFlags) => {
    const { tokenFile, steward, passwordFile } = options;
    const text = token ?? (tokenFile === undefined ? undefined : await readSecretFile(tokenFile));
    if (text === undefined) throw noToken();
    const { join } = await commands.join();
    await join(context(options), { token: text, steward, passwordFile });
  });

command(program, "start", "run the agent until it is stopped").action(async (options: Shared) => {
  const stopping = stopSignal();
  await (await commands.agent()).start(context(options), stopping);
});
command(program, "stop", "stop the running agent").action(async (options: Shared) =>
  (await commands.agent()).stop(context(options)),
);
command(program, "status", "the running agent").action(async (options: Shared) =>
  (await commands.agent()).status(context(options)),
);
command(program, "notices", "caps of which 50, 80 or 95 % is spent or reserved").action(async (options: Shared) =>
  (await commands.budget()).notices(context(options)),
);
command(program, "page", "this hospital's own page for its steward, on this machine alone, until Ctrl-C")
  .option("--port <number>", "port of 127.0.0.1; without it, a free one", portNumber, 0)
  .action(async (options: Shared & { port: number }) => {
    const stopping = stopSignal();
    await (await commands.page()).page(context(options), options.port, stopping);
  });
command(program, "doctor", "check everything that this site needs").action(async (options: Shared) =>
  (await commands.doctor()).doctor(context(options)),
);

const dataCommands = program.command("data").description("data sets of this site").addHelpText("after", DATA_HELP);
command(dataCommands, "register <name> <path>", "name data: a file, or a data set's file (YAML)").action(
  async (name: string, path: string, options: Shared) => (await commands.data()).register(context(options), name, path),
);
command(dataCommands, "list", "registered data sets").action(async (options: Shared) =>
  (await commands.data()).list(context(options)),
);
command(dataCommands, "preview <name>", "first rows, for local eyes").action(async (name: string, options: Shared) =>
  (await commands.data()).preview(context(options), name),
);

dataCommands
  .command("check <path>")
  .description("columns of a file or a data set's file, and what looks like an identifier; for local eyes")
  .option("--json", "one JSON value on standard output")
  .action(async (path: string, options: { json?: boolean }) =>
    (await commands.dataCheck()).checkData(outputOf(options), path),
  );

command(dataCommands, "pictures [name]", "decoded pictures that are kept of data sets, or of one")
  .option("--remove", "remove them; they are decoded again when they are read next")
  .action(async (name: string | undefined, options: Shared & { remove?: boolean }) =>
    (await commands.pictures()).pictures(context(options), name, options.remove === true),
  );

addDataReport(dataCommands, outputOf);
addSanitizeCommand(program, command, context, stopSignal);
addDeidentify(dataCommands, command, context, stopSignal);
addRecordsRelease(dataCommands, command, context);
addReleaseCommands(program, command, context);

const studyCommands = program.command("study").description("studies proposed to this site");
command(studyCommands, "list", "what was proposed, and what was decided").action(async (options: Shared) =>
  (await commands.study()).list(context(options)),
);
command(studyCommands, "show <name>", "the exact document").action(async (name: string, options: Shared) =>
  (await commands.study()).show(context(options), name),
);
studyCommands
  .command("check [file]")
  .description("hold local data against a study: what is amiss, what leaves, what it costs; sends and signs nothing")
  .option("--data <path>", "with FILE: data, or a data set's file; with --study: this site's data folder")
  .option("--site <name>", "with FILE: this hospital's name in the study")
  .option("--study <name>", "a study that was proposed to this site, instead of FILE")
  .option("--dataset <name>", "with --study: registered data set; needed where there is more than one")
  .option("--json", "one JSON value on standard output")
  .addHelpText(
    "after",
    `
Examples:
  consilium-site study check study.yaml --data heart.csv
  consilium-site study check --study heart-disease --dataset heart --data ./site`,
  )
  .action(async (file: string | undefined, options: CheckFlags) => {
    const { data, site, study, dataset } = options;
    const { checkProposal, checkStudy } = await commands.studyCheck();
    if (file !== undefined && study === undefined && data !== undefined) {
      await checkStudy(outputOf(options), { file, data, site });
    } else if (file === undefined && study !== undefined) {
      await checkProposal(context({ ...options, data: data ?? folderByDefault() }), { study, dataset });
    } else {
      throw notOneStudy();
    }
  });
command(studyCommands, "approve <name>", "let a study use a data set (steward)")
  .option("--dataset <name>", "data set; needed where more than one is registered")
  .option("--sanitized <file>", "the data set's file that `sanitize` wrote, for a study that trains on such")
  .addOption(passwordOption())
  .addOption(yesOption())
  .action(async (name: string, options: Shared & ApproveFlags) =>
    (await commands.study()).approve(context(options), name, {
      dataset: options.dataset,
      sanitized: options.sanitized,
      steward: stewardFlags(options),
    }),
  );
addStudyDecisions(studyCommands, command, context);

const budgetCommands = program.command("budget").description("privacy budget of this site's data sets");
command(budgetCommands, "show", "spent, reserved and left").action(async (options: Shared) =>
  (await commands.budget()).show(context(options)),
);
addBudgetDecisions(budgetCommands, command, context);
addLedgerCommands(budgetCommands, command, context);
addStewardCommands(program, command, context);

program
  .command("schema")
  .addArgument(
    new Argument("[what]", "site: its settings, site.yaml; dataset: a data set's file")
      .choices(["site", "dataset"])
      .default("site"),
  )
  .description("print the JSON Schema of a file of this site's, with every key's meaning")
  .addHelpText(
    "after",
    `
Examples:
  consilium-site schema > site.schema.json
  consilium-site schema dataset > dataset.schema.json
  # first line of site.yaml: # yaml-language-server: $schema=./site.schema.json`,
  )
  .action(async (what: "site" | "dataset") => {
    const { datasetSchema, siteSchema } = await commands.schema();
    process.stdout.write(`${JSON.stringify(what === "site" ? siteSchema() : datasetSchema(), null, 2)}\n`);
  });

program
  .command("predict")
  .description("run a released model over a table, after verifying the release")
  .requiredOption("--release <path>", "folder of the release")
  .requiredOption("--in <file>", "data with the model's columns: a file, or a data set's file")
  .requiredOption("--out <file>", "CSV file to write")
  .requiredOption("--key <key>", "the consortium's public key, or a file with it")
  .option("--site <name>", "with this site's own last layer, where each site has one")
  .option("--json", "one JSON value on standard output")
  .action(async (options: { release: string; in: string; out: string; key: string; site?: string; json?: boolean }) =>
    (await commands.predict()).predict(outputOf(options), {
      release: options.release,
      input: options.in,
      output: options.out,
      key: options.key,
      site: options.site,
    }),
  );

addEngineCommands(program, outputOf);

/** The exit code of what happened. */
function settle(error: unknown, isJson: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : FAILURE_EXIT_CODE.usage;
  if (error instanceof z.ZodError) {
    const [issue] = error.issues;
    const where = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
    const what = `${where}${issue?.message ?? "An argument has the wrong form"}.`;
    return reportFailure(
      new Failure({ code: "usage/argument", kind: "usage", what, remedy: "See --help." }),
      process.stderr,
      isJson,
    );
  }
  return reportFailure(error, process.stderr, isJson);
}

try {
  await program.parseAsync();
  process.exitCode = isInterrupted ? INTERRUPTED_EXIT_CODE : 0;
} catch (error) {
  process.exitCode = settle(error, process.argv.includes("--json"));
}

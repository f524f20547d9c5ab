/**
 * Which folder may import which. Packages: coordinator and site-agent → certs → shared, never across. Inside a package
 * core folders never import shells, and the four things that a guarantee is made of don't import one another.
 */
const SHELL = "^(coordinator|site-agent)/src/(main|cli|command|socket|http|control)([./]|$)";
/** Functions of values: what a round, a study, a gradient or a split is, without a database either. */
const PURE =
  "^(coordinator/src/(aggregate|optimizer)/|coordinator/src/(round/round|round/cohort|study/study)\\.ts$|" +
  "site-agent/src/(batch|gradient|noise|split|sanitizer|contract|deidentification)/)";

/** What runs in a browser: a page for each program, and their common parts. */
const PAGES = "^((coordinator|site-agent)/dashboard|shared/page)/";

/** Folders of shared/src from the left to the right: one may import only those that stand before it. */
const SHARED = [
  ["units", "plot", "distribution"],
  ["failure", "encoding", "random", "transform"],
  ["event", "signing"],
  ["mechanism", "accountant", "contribution"],
  [
    "ledger",
    "model",
    "study",
    "normalisation",
    "protocol",
    "metric",
    "audit",
    "attack",
    "canary",
    "epsilonBound",
    "optimizer",
    "sanitizer",
  ],
  ["modelFormat"],
  ["release", "plan"],
];

const neverAcross = (from, to, why) => ({
  name: `${from}-never-imports-${to}`,
  comment: why,
  severity: "error",
  from: { path: `^${from}/` },
  to: { path: `^(node_modules/@consilium/)?${to}/` },
});

const leftToRight = SHARED.flatMap((column, index) => {
  const later = SHARED.slice(index + 1).flat();
  if (later.length === 0) return [];
  return [
    {
      name: `shared-${column.join("-")}-comes-first`,
      comment: "A concept never needs one that is built on it.",
      severity: "error",
      from: { path: `^shared/src/(${column.join("|")})/`, pathNot: "\\.test\\.ts$" },
      to: { path: `^shared/src/(${later.join("|")})/` },
    },
  ];
});

/** Sampling, clipping, noise and accounting: site-agent/src/engine/privateStep.ts alone couples them. */
const GUARANTEE = {
  sampling: "^site-agent/src/batch/",
  clipping: "^site-agent/src/gradient/",
  noise: "^(site-agent/src/noise|shared/src/mechanism)/",
  accounting: "^shared/src/accountant/",
};
const apart = Object.entries(GUARANTEE).flatMap(([name, path]) =>
  Object.entries(GUARANTEE)
    .filter(([other]) => other !== name)
    .map(([other, otherPath]) => ({
      name: `${name}-never-imports-${other}`,
      comment: "Sampling, clipping, noise and accounting are checked one by one, so they stand one by one.",
      severity: "error",
      from: { path, pathNot: "\\.test\\.ts$" },
      // The type that crosses a hop may be named; `physicalBatches` cuts a batch for the device and draws nothing.
      to: { path: otherPath, pathNot: "/physicalBatches\\.ts$", dependencyTypesNot: ["type-only"] },
    })),
);

module.exports = {
  forbidden: [
    {
      name: "no-circular",
      comment: "What a reader can't order, a reader can't check.",
      severity: "error",
      from: { pathNot: "\\.test\\.ts$" },
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "nothing-unresolved",
      comment: "An import that finds nothing here finds a stranger's package elsewhere.",
      severity: "error",
      from: { pathNot: "^test/bench/peers/" },
      to: { couldNotResolve: true, pathNot: "^@tensorflow/tfjs-node" },
    },
    neverAcross(
      "coordinator",
      "site-agent",
      "They are two processes of two organisations: what both need is in shared.",
    ),
    neverAcross(
      "site-agent",
      "coordinator",
      "They are two processes of two organisations: what both need is in shared.",
    ),
    neverAcross("shared", "(coordinator|site-agent|certs)", "shared is what both sides agree on; it knows neither."),
    neverAcross("certs", "(coordinator|site-agent)", "certs stands below both sides."),
    {
      name: "nothing-imports-the-simulation",
      comment: "It holds both sides of a consortium: what imported it would too.",
      severity: "error",
      from: { path: "^(shared|certs|coordinator|site-agent)/" },
      to: { path: "^(node_modules/@consilium/)?simulation/" },
    },
    {
      name: "shared-src-below-its-workspaces",
      comment: "The engine and the storage are built on shared, not the reverse.",
      severity: "error",
      from: { path: "^shared/src/" },
      to: { path: "^shared/(engine|storage)/" },
    },
    {
      name: "the-kernel-stands-alone",
      comment: "Loops over numbers: they know no grid, study or model.",
      severity: "error",
      from: { path: "^shared/kernel/" },
      to: { path: "^(shared/(src|engine|storage)|certs|coordinator|site-agent)/" },
    },
    {
      name: "shared-is-pure",
      comment: "No sockets, files, database or processes in shared: they come in as arguments. An emitter is none.",
      severity: "error",
      from: { path: "^shared/src/", pathNot: "(\\.test\\.ts$|^shared/src/release/(build|verify|tar|folder))" },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?(crypto|buffer|events)$" },
    },
    {
      name: "the-event-loop-of-shared-is-its-own",
      comment: "shared/src/system is imported by shells and by what is impure by name, never by shared's own core.",
      severity: "error",
      from: { path: "^shared/src/", pathNot: "(\\.test\\.ts$|^shared/src/system/)" },
      to: { path: "^shared/src/system/" },
    },
    {
      name: "only-mechanisms-charge",
      comment: "A charged value is made by a mechanism, or by post-processing that sees nothing but such values.",
      severity: "error",
      from: {
        pathNot:
          "^shared/src/(mechanism/|contribution/stages\\.ts$|(audit|generator|normalisation)/contribution\\.ts$|" +
          "sanitizer/sanitizedPatients\\.ts$)",
      },
      to: { path: "^shared/src/mechanism/charged\\.ts$", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "core-never-imports-a-shell",
      comment: "main.ts, commands, sockets and HTTP stand around the core: they call it, it never calls them.",
      severity: "error",
      from: {
        path: "^(coordinator|site-agent)/src/",
        pathNot: [SHELL, "\\.test\\.ts$", "/run\\.ts$", "^site-agent/src/engine/"],
      },
      to: { path: SHELL },
    },
    {
      name: "pure-core",
      comment: "What the guarantee rests on is a function of values: no shell, no database.",
      severity: "error",
      from: { path: PURE, pathNot: "\\.test\\.ts$" },
      to: { path: [SHELL, "^(coordinator|site-agent)/src/storage/", "^shared/storage/"] },
    },
    {
      name: "pages-take-types-alone",
      comment:
        "A page shares its server's schemas as types; no server code reaches a browser, but the rule that says which caps " +
        "two stewards must change: page and core may not differ in it.",
      severity: "error",
      from: { path: PAGES, pathNot: "\\.test\\.tsx?$" },
      to: {
        path: "^(coordinator|site-agent|shared|certs)/",
        pathNot: [PAGES, "^shared/src/ledger/loosens\\.ts$"],
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      name: "server-never-imports-a-page",
      severity: "error",
      from: { path: "^(coordinator|shared|certs|site-agent)/", pathNot: PAGES },
      to: { path: PAGES },
    },
    {
      name: "tests-stay-tests",
      comment: "A test's parts are never part of the product.",
      severity: "error",
      from: { path: "^(shared|certs|coordinator|site-agent|simulation)/", pathNot: "\\.test\\.tsx?$" },
      to: { path: "(^test/|\\.test\\.tsx?$)" },
    },
    ...apart,
    ...leftToRight,
  ],
  options: {
    doNotFollow: { path: "node_modules/(?!@consilium)" },
    exclude: { path: "(/dist/|^coordinator/dashboard/dist/)" },
    moduleSystems: ["es6", "tsd"],
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.test.json" },
    combinedDependencies: true,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["consilium-source", "import", "node", "default"],
      extensions: [".ts", ".tsx", ".js", ".mjs", ".cjs", ".json"],
    },
  },
};

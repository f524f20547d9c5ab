/** What the demo shows on standard error: a task list, then one live row; plain lines where nobody watches. */

const SPINNER = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const HEADLESS_EVERY_ROUNDS = 10;

export function openScreen({ live }) {
  let frame = 0;
  let lastLine = "";
  let timer = null;
  const write = (text) => process.stderr.write(text);
  const clear = () => live && lastLine !== "" && write("\r\x1b[2K");
  const row = (text) => {
    lastLine = text;
    if (live) write(`\r\x1b[2K${text}`);
  };
  const line = (text) => {
    clear();
    lastLine = "";
    write(`${text}\n`);
  };

  /** Runs `work` under a title; a tick or a cross and the seconds stay behind. */
  const task = async (title, work) => {
    const started = performance.now();
    if (live) timer = setInterval(() => row(`${SPINNER[frame++ % SPINNER.length]} ${title}`), 100);
    try {
      const result = await work();
      end(result === false ? "✗" : "✓");
      return result;
    } catch (error) {
      end("✗");
      throw error;
    }
    function end(mark) {
      clearInterval(timer);
      line(`${mark} ${title}  ${((performance.now() - started) / 1000).toFixed(1)} s`);
    }
  };

  let shownRounds = -1;
  let shownState = "";
  const progress = ({ study, round, metrics, budgets }) => {
    const text = progressRow(study, metrics, budgets, round);
    if (live) return row(text);
    const due = study.committedRounds >= shownRounds + HEADLESS_EVERY_ROUNDS || study.state !== shownState;
    if (!due) return;
    shownRounds = study.committedRounds - (study.committedRounds % HEADLESS_EVERY_ROUNDS);
    shownState = study.state;
    line(text);
  };

  const close = () => {
    clear();
    clearInterval(timer);
    lastLine = "";
  };
  return { task, progress, note: line, close };
}

/** `training 7/60 │ AUC .81 │ cleveland ε 1.12/4 · … │ all sites answered` */
function progressRow(study, metrics, budgets, round) {
  const auc = metrics.points.at(-1)?.auc ?? null;
  const sites = budgets.budgets.map(({ site, spentEpsilon, cap }) => `${site} ε ${spentEpsilon.toFixed(2)}/${cap}`);
  const missing = (round.running?.sites ?? []).filter(({ answer }) => answer === "late" || answer === "absent");
  const parts = [
    `${study.state} ${study.committedRounds}/${study.rounds}`,
    auc === null ? "AUC –" : `AUC ${auc.value.toFixed(2)}`,
    sites.join(" · "),
    ...(missing.length > 0 ? [`without ${missing.map(({ site }) => site).join(", ")}`] : []),
  ];
  return parts.join(" │ ");
}

/** What the demo shows on standard error: a task list, then one live row; plain lines where nobody watches. */

const SPINNER = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/** Where nobody watches a row change: long enough for a log, short enough to see that it goes on. */
const HEADLESS_EVERY_MS = 3_000;
/** A terminal that doesn't tell its width. */
const COLUMNS = 80;
/** Letters that still tell hospitals apart. */
const NAME_MIN = 3;

export function openScreen({ live, write = toStandardError, now = () => performance.now() }) {
  let frame = 0;
  let lastLine = "";
  let timer = null;
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

  /**
   * Runs `work` under a title; a tick or a cross and the seconds stay behind. What it tells meanwhile stays as lines.
   */
  const task = async (title, work) => {
    const started = performance.now();
    if (!live) line(`${title} …`);
    if (live) timer = setInterval(() => row(`${SPINNER[frame++ % SPINNER.length]} ${title}`), 100);
    try {
      const result = await work((text) => line(`  ${text}`));
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

  let shownAt = Number.NEGATIVE_INFINITY;
  let shownState = "";
  const progress = (views) => {
    const { study } = views;
    // One column stays free: a terminal may wrap a row that fills its last one.
    if (live) return row(progressRow(views, (process.stderr.columns ?? COLUMNS) - 1));
    if (study.state === shownState && now() < shownAt + HEADLESS_EVERY_MS) return;
    shownAt = now();
    shownState = study.state;
    line(progressRow(views, Number.POSITIVE_INFINITY));
  };

  const close = () => {
    clear();
    clearInterval(timer);
    lastLine = "";
  };
  return { task, progress, note: line, close };
}

function toStandardError(text) {
  process.stderr.write(text);
}

/**
 * `training 7/60 │ AUC 0.81 │ ε of 4: cleveland 1.12, hungarian 1.12, switzerland 1.12, va away`. Names are shortened
 * until the row fits its columns. A site that is not connected is `away`, one that missed the round's time is `late`.
 */
export function progressRow({ study, round, metrics, budgets, sites }, columns) {
  const caps = new Set(budgets.budgets.map(({ cap }) => cap));
  const standing = new Map(sites.sites.filter(({ connected }) => !connected).map(({ name }) => [name, "away"]));
  for (const { site, answer } of round.running?.sites ?? []) {
    if (answer === "late" && !standing.has(site)) standing.set(site, "late");
  }
  const figures = budgets.budgets.map(({ site, spentEpsilon, cap }) => [
    site,
    standing.get(site) ?? `${roundedUp(spentEpsilon)}${caps.size > 1 ? `/${cap}` : ""}`,
  ]);
  const rowOf = (letters) =>
    [
      `${study.state} ${study.committedRounds}/${study.rounds}`,
      aucText(metrics.points.at(-1)?.auc ?? null),
      `ε${caps.size === 1 ? ` of ${[...caps][0]}` : ""}: ${figures
        .map(([site, figure]) => `${site.slice(0, letters)} ${figure}`)
        .join(", ")}`,
    ].join(" │ ");
  let letters = Math.max(NAME_MIN, ...figures.map(([site]) => site.length));
  while (letters > NAME_MIN && rowOf(letters).length > columns) letters -= 1;
  const row = rowOf(letters);
  return row.length > columns ? `${row.slice(0, columns - 1)}…` : row;
}

function aucText(auc) {
  if (auc === null) return "AUC –";
  return auc.state === "resolved" ? `AUC ${auc.value.toFixed(2)}` : "AUC hidden by noise";
}

/** An ε is never shown smaller than it is. */
export function roundedUp(epsilon) {
  return (Math.ceil(epsilon * 100 - 1e-9) / 100).toFixed(2);
}

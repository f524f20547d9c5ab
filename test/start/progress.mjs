/** What whoever waits for an installation sees. */

/** People's messages: standard error, so that standard output stays a command's result. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

const PROGRESS_MS = 1000;
const PROGRESS_LINE_MS = 30_000;
/** Steps under way, by when each began, in milliseconds; on a terminal they share the last line. */
const underWay = new Map();
const isTerminal = process.stderr.isTTY === true;

/** A line that counts seconds on a terminal; elsewhere a line at the start, each half minute and the end. */
export function progress(title) {
  const started = performance.now();
  const short = shortOf(title);
  underWay.set(title, started);
  if (!isTerminal) say(`${title} …`);
  const show = () => (isTerminal ? showUnderWay() : say(`  ${short}: ${secondsSince(started)} s …`));
  const timer = setInterval(show, isTerminal ? PROGRESS_MS : PROGRESS_LINE_MS);
  return (ok, refused) => {
    clearInterval(timer);
    underWay.delete(title);
    const mark = ok ? "✓" : refused === undefined ? "✗" : "·";
    const outcome = ok || refused === undefined ? `${secondsSince(started)} s` : refused;
    if (isTerminal) process.stderr.write(CLEAR_LINE);
    say(`${mark} ${short}: ${outcome}`);
    if (isTerminal) showUnderWay();
  };
}

/** Without how long it may take. */
export function shortOf(title) {
  return title.replace(/ \(.*$/, "");
}

const CLEAR_LINE = "\r\x1b[K";

function showUnderWay() {
  // Of several, by their names alone: a line that a terminal breaks in two can't be cleared.
  const name = (title) => (underWay.size > 1 ? shortOf(title) : title);
  const steps = [...underWay].map(([title, started]) => `${name(title)} … ${secondsSince(started)} s`);
  process.stderr.write(`${CLEAR_LINE}${steps.length === 0 ? "" : `  ${steps.join("; ")}`}`);
}

function secondsSince(started) {
  return Math.round((performance.now() - started) / 1000);
}

/** Commands of `consilium` that ask the running coordinator, hence need to be told where it lives. */
const WITH_DATA = /^consilium (coordinator|ca|account|study|budget|audit|release) /;

/** The command as it runs from anywhere: `--data` names the folder, `DIR` where this session isn't told it. */
export function runnable(command: string, dataFolder: string | null): string {
  if (command.startsWith("consilium-site ")) return `${command} --data DIR`;
  return WITH_DATA.test(command) ? `${command} --data ${dataFolder === null ? "DIR" : quoted(dataFolder)}` : command;
}

/** As a shell reads it. */
function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

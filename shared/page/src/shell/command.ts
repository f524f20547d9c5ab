/** Commands that ask a running program, hence need to be told where it lives. */
const WITH_DATA = /^consilium (coordinator|ca|account|study|budget|audit|release) |^consilium-site /;

/** Data folders of the two programs, as far as a session is told them. */
export interface Folders {
  readonly consilium?: string | null | undefined;
  readonly "consilium-site"?: string | null | undefined;
}

/** The command as it runs from anywhere: `--data` names the folder, `DIR` where this session isn't told it. */
export function runnable(command: string, folders: Folders): string {
  if (!WITH_DATA.test(command)) return command;
  const folder = command.startsWith("consilium-site ") ? folders["consilium-site"] : folders.consilium;
  return `${command} --data ${folder == null ? "DIR" : quoted(folder)}`;
}

/** As a shell reads it. */
function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

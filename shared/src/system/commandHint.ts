/**
 * A text for people whose commands of one program carry the data folder that was given to the command which prints
 * it; `named` lists the commands that take `--data`, as a regular expression of their words.
 */
export function withDataFolder(text: string, program: string, named: string, folder: string | null): string {
  if (folder === null) return text;
  // Before the arguments: prose may follow them. A command that names a folder already keeps it.
  const commands = new RegExp(`\\b${program} (?:${named})\\b(?![-\\w])(?![^;\\n]*? --data\\b)`, "g");
  return text.replaceAll(commands, (command) => `${command} --data ${quoted(folder)}`);
}

/** As a shell reads it. */
export function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

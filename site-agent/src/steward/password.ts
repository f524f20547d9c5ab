import { readSecretFile } from "@consilium/certs/files";
import { Failure } from "@consilium/shared/failure/failure";

/** The terminal that a password is typed on. */
export interface Terminal {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WritableStream;
}

/** A password from a file that only its owner may read, else typed without echo. Never from an argument or variable. */
export async function readPassword(prompt: string, file: string | undefined, terminal: Terminal): Promise<string> {
  if (file !== undefined) return (await readSecretFile(file)).replace(/\r?\n$/, "");
  if (!terminal.input.isTTY) {
    throw new Failure({
      code: "steward/password-missing",
      kind: "usage",
      what: "The steward's password is needed, and there is no terminal to ask on.",
      remedy: "Pass --password-file FILE (mode 0600).",
    });
  }
  return typed(prompt, terminal);
}

const ENTER = ["\r", "\n"];
const INTERRUPT = "\u0003";
const ERASE = ["\u007f", "\b"];

function typed(prompt: string, { input, output }: Terminal): Promise<string> {
  output.write(prompt);
  input.setRawMode(true);
  input.resume();
  input.setEncoding("utf8");
  return new Promise((resolve, reject) => {
    let password = "";
    const end = (): void => {
      input.setRawMode(false);
      input.pause();
      input.off("data", onData);
      output.write("\n");
    };
    const onData = (text: string): void => {
      for (const character of text) {
        if (ENTER.includes(character)) {
          end();
          resolve(password);
          return;
        }
        if (character === INTERRUPT) {
          end();
          reject(interrupted());
          return;
        }
        password = ERASE.includes(character) ? password.slice(0, -1) : password + character;
      }
    };
    input.on("data", onData);
  });
}

function interrupted(): Failure {
  return new Failure({
    code: "steward/password-interrupted",
    kind: "usage",
    what: "No password was given.",
    remedy: "Nothing changed. Run the command again.",
  });
}

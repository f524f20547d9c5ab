import { readFile } from "node:fs/promises";
import { extname, join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure } from "@consilium/shared/failure/failure";

/** The built page, beside this package's source or its build. */
const PAGE = fileURLToPath(new URL("../../dashboard/dist", import.meta.url));

const MEDIA: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

export interface PageFile {
  readonly media: string;
  readonly bytes: Buffer;
}

/** A file of the built page, null where there is none; an address without an ending is one of the page's own. */
export async function pageFile(pathname: string): Promise<PageFile | null> {
  const name = extname(pathname) === "" ? "index.html" : pathname;
  const path = normalize(join(PAGE, name));
  const media = MEDIA[extname(path)];
  if (media === undefined || !path.startsWith(PAGE + sep)) return null;
  try {
    return { media, bytes: await readFile(path) };
  } catch (cause) {
    if (name === "index.html") throw notBuilt(cause);
    return null;
  }
}

function notBuilt(cause: unknown): Failure {
  return new Failure({
    code: "page/not-built",
    kind: "fault",
    what: "The page is not built.",
    remedy: "Build it: npm run build",
    cause,
  });
}

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const LINE_COLUMNS_MAX = 120;
const TEXT_COLUMNS_MAX = 150;
const FILE_LINES_MAX = 300;
const REPOSITORY_BYTES_MAX = 60 * 1024 * 1024;

/** A function without a home lacks a concept; a file named so is where such functions gather. */
const BANNED_NAMES = /^(utils?|helpers?|common|misc|types|index|lib|stuff)$/i;
const RULE_ID = /\b(?:HND|RND|LED|ACC|AUD|STU|ENG|DAT|DEI|REL|CRT|SAN|CAN|SIM)\d+\b/g;

const files = trackedFiles();
const code = files.filter((path) => /\.(ts|tsx|mjs|cjs|js)$/.test(path));
const tests = code.filter((path) => /\.test\.tsx?$/.test(path));
const source = code.filter((path) => !tests.includes(path) && !path.startsWith("test/"));
const texts = files.filter((path) =>
  /\.(ts|tsx|mjs|cjs|js|json|md|ya?ml|css|html|sh|py|service)$|^[^.]+$|\.ci\/run$/.test(path),
);

describe("names", () => {
  test("no folder or file bears a name that says nothing", () => {
    const saysNothing = (path: string) =>
      path.split("/").some((name) => BANNED_NAMES.test(name.replace(/(\.(test|d))?\.[a-z]+$/, "")));
    expect(code.filter(saysNothing)).toEqual([]);
  });

  test("no file only hands on what others export", () => {
    const barrels = source.filter((path) => {
      const statements = withoutComments(read(path))
        .split(/;|\n/)
        .filter((line) => line.trim() !== "");
      return (
        statements.length > 0 && statements.every((line) => /^\s*export\s+(\*|\{.*\}|type \{.*\})\s+from\b/.test(line))
      );
    });
    expect(barrels).toEqual([]);
  });
});

describe("sizes", () => {
  test(`no line of code is longer than ${LINE_COLUMNS_MAX} columns`, () => {
    const long = code.flatMap((path) =>
      read(path)
        .split("\n")
        .flatMap((line, index) => (isTooLong(line) ? [`${path}:${index + 1}`] : [])),
    );
    expect(long).toEqual([]);
  });

  /** A text that no formatter breaks may stick out a little: a test's title, a sentence for people. */
  function isTooLong(line: string): boolean {
    const withoutTexts = line.replace(/(["'`])(?:\\.|(?!\1).)*\1/g, '""');
    return [...line].length > TEXT_COLUMNS_MAX || [...withoutTexts].length > LINE_COLUMNS_MAX;
  }

  test(`no source file is longer than ${FILE_LINES_MAX} lines`, () => {
    const lines = (path: string) => read(path).trimEnd().split("\n").length;
    expect(source.filter((path) => lines(path) > FILE_LINES_MAX).map((path) => `${path}: ${lines(path)}`)).toEqual([]);
  });

  test("the repository stays under 60 MB", () => {
    const bytes = files.reduce((sum, path) => sum + statSync(join(root, path)).size, 0);
    expect(bytes).toBeLessThan(REPOSITORY_BYTES_MAX);
  });
});

describe("rules of the protocol", () => {
  const stated = new Set([...read("shared/SPEC.md").matchAll(/^- (\*\*[A-Z]{3}\d+\*\*)/gm)].flatMap(idsOf));
  const quoted = new Set(
    tests.flatMap((path) => [...read(path).matchAll(/\[([A-Z]{3}\d+(?:[,;] ?[A-Z]{3}\d+)*)\]/g)]).flatMap(idsOf),
  );

  test("no number is two rules'", () => {
    const all = [...read("shared/SPEC.md").matchAll(/^- \*\*([A-Z]{3}\d+)\*\*/gm)].map(([, id]) => id);
    expect(all.filter((id, index) => all.indexOf(id) < index)).toEqual([]);
  });

  test("each is quoted by a test", () => {
    expect([...stated].filter((id) => !quoted.has(id))).toEqual([]);
  });

  test("each that a test quotes is stated", () => {
    expect([...quoted].filter((id) => !stated.has(id))).toEqual([]);
  });

  test("there are rules of every kind that the specification names", () => {
    const kinds = new Set([...stated].map((id) => id.slice(0, 3)));
    expect([...kinds].sort()).toEqual([
      "ACC",
      "AUD",
      "CAN",
      "CRT",
      "DAT",
      "DEI",
      "ENG",
      "HND",
      "LED",
      "REL",
      "RND",
      "SAN",
      "SIM",
      "STU",
    ]);
  });
});

describe("what a core may not reach for", () => {
  const found = (paths: readonly string[], pattern: RegExp) =>
    paths.filter((path) => pattern.test(withoutComments(read(path))));

  test("shared asks no clock", () => {
    const pure = source.filter((path) => path.startsWith("shared/src/") && !path.startsWith("shared/src/system/"));
    expect(pure.length).toBeGreaterThan(20);
    expect(found(pure, /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.now\b|\bhrtime\b/)).toEqual([]);
  });

  test("randomness comes from a RandomSource: no Math.random, no tf.random", () => {
    expect(
      found(source, /\bMath\.random\b|\btf\.(random|truncatedNormal|multinomial)|\brandom(Normal|Uniform|Gamma)\b/),
    ).toEqual([]);
  });

  test("no test is skipped, singled out or left for later", () => {
    const own = "test/tidy.test.ts";
    const pattern = /\b(test|it|describe)\.(skip|only|todo|fails)\b|\bexpect\(true\)/;
    expect(
      found(
        tests.filter((path) => path !== own),
        pattern,
      ),
    ).toEqual([]);
    expect(
      found(
        code.filter((path) => path !== own),
        /\b(TODO|FIXME|XXX)\b/,
      ),
    ).toEqual([]);
  });
});

describe("what the repository does not speak of", () => {
  test("no path of a machine, no address of a package registry", () => {
    const machine = /(?<![\w.])\/(?:work|root|Users)\/[\w.]|\/home\/[a-z]|registry\.[\w.-]+\.\w+/;
    const own = ["test/tidy.test.ts", "package-lock.json"];
    expect(texts.filter((path) => !own.includes(path) && machine.test(read(path)))).toEqual([]);
    expect(read("package-lock.json")).not.toMatch(/"resolved": "https?:/);
  });

  test("no path that leads out of it", () => {
    const own = "test/tidy.test.ts";
    const leaving = texts
      .filter((path) => path !== own)
      .flatMap((path) =>
        [...read(path).matchAll(/(?<![\w/.])(?:\.\.\/)+(?:shared|[a-z-]+\.md)\b/g)]
          .filter(
            ([target]) =>
              normalize(join(dirname(path), target)).startsWith("..") || target.startsWith("../../shared/des"),
          )
          .map(([target]) => `${path}: ${target}`),
      );
    expect(leaving).toEqual([]);
  });
});

/** Files under version control or about to be; without git (an unpacked archive) all that is not installed or built. */
function trackedFiles(): readonly string[] {
  if (existsSync(join(root, ".git"))) {
    const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "-z"], {
      cwd: root,
      encoding: "utf8",
    });
    return listed.split("\0").filter((path) => path !== "" && existsSync(join(root, path)));
  }
  const skipped = new Set(["node_modules", "dist", ".git", ".consilium", "coverage"]);
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(root.length + 1)
        .split(sep)
        .join("/"),
    )
    .filter((path) => !path.split("/").some((name) => skipped.has(name)) && basename(path) !== ".tsbuildinfo");
}

function read(path: string): string {
  const absolute = join(root, path);
  return existsSync(absolute) ? readFileSync(absolute, "utf8") : "";
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|[^:])\/\/.*$/gm, "$1");
}

function idsOf(match: RegExpMatchArray): readonly string[] {
  return match[1]?.match(RULE_ID) ?? [];
}

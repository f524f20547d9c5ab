import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");

/** Where the images and units expect the repository. */
const INSTALLED = "/opt/consilium/";

describe.each(["docker/Dockerfile.coordinator", "docker/Dockerfile.site-agent"])("%s", (path) => {
  const stages = stagesOf(read(path));
  const last = stages.at(-1) ?? [];
  const argumentsOf = (name: string) => last.filter((line) => line.name === name).map((line) => line.rest);

  test("compiles in one stage and runs in another, from a named version", () => {
    expect(stages).toHaveLength(2);
    const images = stages.map((stage) => stage[0]?.rest ?? "");
    expect(images.every((image) => /^node:22-[a-z-]+( AS build)?$/.test(image))).toBe(true);
    expect(argumentsOf("COPY").every((rest) => rest.startsWith("--from=build "))).toBe(true);
  });

  test("runs as nobody in particular and keeps its state in one volume", () => {
    expect(argumentsOf("USER")).toEqual([expect.stringMatching(/^[1-9]\d{3,}$/)]);
    expect(argumentsOf("VOLUME")).toEqual(["/var/lib/consilium"]);
  });

  test("starts without a shell, by a file of the repository, and says whether it is well", () => {
    const [entry = ""] = ExecForm.parse(JSON.parse(argumentsOf("ENTRYPOINT")[0] ?? ""));
    const link = argumentsOf("RUN")
      .join(" ")
      .match(/ln -s (\S+) \/usr\/local\/bin\/(\S+)/);
    expect(link?.[2]).toBe(entry);
    expect(existsSync(join(root, link?.[1]?.replace(INSTALLED, "") ?? "?"))).toBe(true);
    expect(ExecForm.parse(JSON.parse(argumentsOf("CMD")[0] ?? ""))).toContain("start");
    expect(argumentsOf("HEALTHCHECK")[0]).toContain(`CMD ["${entry}"`);
  });

  test("holds no secret and fetches nothing by address", () => {
    const whole = read(path);
    expect(whole).not.toMatch(/^ADD /m);
    expect(whole).not.toMatch(/\b(ARG|ENV) \w*(TOKEN|PASSWORD|SECRET|KEY)/);
    expect(whole).not.toMatch(/curl|wget|https?:/);
  });
});

describe("docker/compose.yaml", () => {
  const compose = composeFile().parse(parse(read("docker/compose.yaml"), { merge: true }));

  test.each(Object.entries(compose.services))("%s cannot write to its image or gain a right", (_name, service) => {
    expect(service.read_only).toBe(true);
    expect(service.cap_drop).toEqual(["ALL"]);
    expect(service.security_opt).toContain("no-new-privileges:true");
    expect(existsSync(join(root, service.build.dockerfile))).toBe(true);
  });

  test("a site opens no port and only reads its records", () => {
    expect(compose.services.site?.ports).toBeUndefined();
    expect(compose.services.site?.volumes?.filter((volume) => volume.includes("/srv/"))).toEqual([
      expect.stringMatching(/:ro$/),
    ]);
  });
});

const analyzer = spawnSync("systemd-analyze", ["--version"]).error === undefined;
if (!analyzer) process.stderr.write("No systemd-analyze here: the units are only read.\n");

describe.each(["consilium-coordinator.service", "consilium-site.service"])("docker/systemd/%s", (name) => {
  const unit = read(`docker/systemd/${name}`);

  test("starts a file of the repository and may write only its own state", () => {
    const [, program = ""] = /^ExecStart=\/usr\/bin\/node (\S+)/m.exec(unit) ?? [];
    expect(program.startsWith(INSTALLED) && existsSync(join(root, program.slice(INSTALLED.length)))).toBe(true);
    const state = /^StateDirectory=(\S+)$/m.exec(unit)?.[1];
    expect(unit).toContain(`--data /var/lib/${state}\n`);
    for (const line of ["DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes", "CapabilityBoundingSet="]) {
      expect(unit.split("\n")).toContain(line);
    }
    expect(unit).not.toMatch(/^ReadWritePaths=/m);
  });

  test.runIf(analyzer)("systemd finds no fault in it and little to attack", () => {
    const folder = mkdtempSync(join(tmpdir(), "consilium-unit-"));
    try {
      const path = join(folder, basename(name));
      writeFileSync(path, unit.replace("/usr/bin/node", process.execPath));
      const verified = spawnSync("systemd-analyze", ["verify", path], { encoding: "utf8" });
      expect(verified.status, verified.stderr).toBe(0);
      expect(verified.stderr).not.toMatch(/Unknown|Invalid|Failed to parse|ignoring/);
      const weighed = spawnSync(
        "systemd-analyze",
        ["security", "--offline=true", "--threshold=20", "--no-pager", path],
        {
          encoding: "utf8",
        },
      );
      expect(weighed.status, weighed.stdout).toBe(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

interface Instruction {
  readonly name: string;
  readonly rest: string;
}

const ExecForm = z.array(z.string()).min(1);

/** Instructions of a Dockerfile, stage by stage; continued lines joined, comments dropped. */
function stagesOf(text: string): readonly (readonly Instruction[])[] {
  const lines = text
    .replace(/^#.*\n/gm, "")
    .replace(/\\\n\s*/g, " ")
    .split("\n")
    .filter((line) => line.trim() !== "");
  const stages: Instruction[][] = [];
  for (const line of lines) {
    const [, name = "", rest = ""] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    if (name === "FROM") stages.push([]);
    stages.at(-1)?.push({ name, rest });
  }
  return stages;
}

function composeFile() {
  return z.object({
    services: z.record(
      z.string(),
      z.object({
        read_only: z.boolean(),
        cap_drop: z.array(z.string()),
        security_opt: z.array(z.string()),
        build: z.object({ dockerfile: z.string() }),
        ports: z.array(z.string()).optional(),
        volumes: z.array(z.string()).optional(),
      }),
    ),
  });
}

/**
 * A whole consortium on this machine, made by the same commands that people type: certificate authority and
 * coordinator, one enrolled site agent per hospital, each its own process with its own keys, data folder and ledger.
 * Node built-ins only: the demo starts before anything is installed. Sweeps with real processes, the end-to-end tests
 * and the benches start from here too.
 */

import { randomBytes } from "node:crypto";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { Processes } from "./processes.mjs";

/** Where one site's files lie. */
const siteFolder = (folder, name) => join(folder, "sites", name);

export class Consortium {
  processes = new Processes();
  /** Children by site name. */
  sites = new Map();
  coordinator = null;
  people = null;
  agents = null;
  publicKey = null;

  constructor(folder) {
    this.folder = folder;
    this.coordinatorFolder = join(folder, "coordinator");
    this.logs = join(folder, "logs");
  }

  /** Certificate authority, keys, database; then the coordinator's process. */
  async createCoordinator() {
    await mkdir(this.logs, { recursive: true });
    await this.processes.json("consilium", ["coordinator", "init", "--data", this.coordinatorFolder]);
    await this.startCoordinator();
    return this;
  }

  async startCoordinator() {
    const { child, ready } = await this.processes.start(
      "consilium",
      ["coordinator", "start", "--data", this.coordinatorFolder],
      join(this.logs, "coordinator.log"),
    );
    this.coordinator = child;
    this.people = ready.people;
    this.agents = ready.agents;
    this.publicKey = (await readFile(join(this.coordinatorFolder, "consortium.pub"), "utf8")).trim();
    this.token = (await readFile(join(this.coordinatorFolder, "lead.token"), "utf8")).trim();
    return ready;
  }

  /** Invites a site, lets it join with keys of its own making, gives it its records and its steward's cap. */
  async enrol(name, { records, dataset, epsilon, delta, perStudy }) {
    const folder = siteFolder(this.folder, name);
    await mkdir(this.folder, { recursive: true });
    const invitation = await this.consilium(["ca", "invite", name]);
    const password = this.passwordFile(name);
    await writeFile(password, randomBytes(18).toString("base64url"), { mode: 0o600 });
    await this.processes.json("consilium-site", [
      ...["join", invitation.token, "--data", folder],
      ...["--steward", `steward-of-${name}`, "--password-file", password],
    ]);
    await this.site(name, ["data", "register", dataset, await ownCopy(folder, records)]);
    await this.steward(name, [
      ...["budget", "cap", dataset, "--epsilon", String(epsilon), "--delta", String(delta)],
      ...(perStudy === undefined ? [] : ["--per-study", String(perStudy)]),
    ]);
  }

  async startSite(name, env = {}, program = "consilium-site") {
    const { child } = await this.processes.start(
      program,
      ["start", "--data", siteFolder(this.folder, name)],
      join(this.logs, `${name}.log`),
      env,
    );
    this.sites.set(name, child);
    return child;
  }

  /** A command of the consortium's lead; resolves to its JSON. */
  consilium(args) {
    return this.processes.json("consilium", [...args, "--data", this.coordinatorFolder]);
  }

  /** A command of a site's operator; resolves to its JSON. */
  site(name, args) {
    return this.processes.json("consilium-site", [...args, "--data", siteFolder(this.folder, name)]);
  }

  /** Lets a second person decide at a site: two sign what leaves without a figure. */
  async addSecondSteward(name) {
    const password = this.passwordFile(name, "second");
    await writeFile(password, randomBytes(18).toString("base64url"), { mode: 0o600 });
    await this.steward(name, ["steward", "add", `second-of-${name}`, "--new-password-file", password]);
  }

  /** Names and password files of both, as `sanitize` takes them. */
  bothStewards(name) {
    return ["--second", `second-of-${name}`, "--second-password-file", this.passwordFile(name, "second")];
  }

  passwordFile(name, which = "steward") {
    return join(this.folder, `${name}.${which}-password`);
  }

  /** A command of a site's steward, who has the password. */
  steward(name, args) {
    return this.site(name, [...args, "--password-file", this.passwordFile(name)]);
  }

  siteFolder(name) {
    return siteFolder(this.folder, name);
  }

  /** Resolves once a proposal has reached a site. */
  async heard(name, study) {
    await until(async () => (await this.site(name, ["study", "list"])).studies.some((known) => known.name === study));
  }

  /** Lets one site's steward approve a study, once the proposal has reached the site. */
  async approve(name, study, dataset, sanitized) {
    await this.heard(name, study);
    const file = sanitized === undefined ? [] : ["--sanitized", sanitized];
    await this.steward(name, ["study", "approve", study, "--dataset", dataset, ...file]);
  }

  /** Proposes a study file, has every site approve it, and starts it. */
  async beginStudy(file, study, dataset, sites) {
    await this.consilium(["study", "propose", file]);
    for (const name of sites) await this.approve(name, study, dataset);
    await this.consilium(["study", "start", study]);
  }

  /** Resolves with the study's view once it is in one of these states; `onView` sees each on the way. */
  async reached(study, states, timeoutMs = 120_000, onView = () => {}) {
    const ends = Date.now() + timeoutMs;
    for (;;) {
      const view = await this.view(`/api/studies/${study}`);
      onView(view);
      if (states.includes(view.state)) return view;
      if (Date.now() > ends) throw new Error(`${study} is still ${view.state}: ${view.reason ?? ""}`);
      await pause();
    }
  }

  /** A view of the coordinator's REST interface, as the lead sees it. */
  async view(path) {
    const response = await fetch(new URL(path, this.people), { headers: { authorization: `Bearer ${this.token}` } });
    const body = await response.json();
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${body.what ?? ""}`);
    return body;
  }

  async stop() {
    await this.processes.stopAll();
  }
}

/** A data set's file names others beside it: it stays where it is. */
async function ownCopy(folder, records) {
  const ending = extname(records);
  if ([".yaml", ".yml"].includes(ending)) return records;
  const own = join(folder, `records${ending}`);
  await copyFile(records, own);
  return own;
}

const POLL_MS = 200;
const TRIES_MAX = 150;

function pause() {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

async function until(condition) {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries >= TRIES_MAX)
      throw new Error(
        `Waited ${(POLL_MS * TRIES_MAX) / 1000} s in vain for a study to reach a site: its agent's log tells more.`,
      );
    await pause();
  }
}

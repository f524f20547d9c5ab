/** The agent's composition root: opens what it needs, wires it, and closes it again. */
import { readdir, rm } from "node:fs/promises";
import type { Server } from "node:net";
import { join } from "node:path";
import { validityOf } from "@consilium/certs/renewal";
import { enginesFolder } from "@consilium/engine/nativeEngine";
import { Failure, type Refusal, toRefusal } from "@consilium/shared/failure/failure";
import { fromLevel, jsonLinesLogger, type Logger } from "@consilium/shared/system/logger";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { weightsNeeded } from "./approval/proposals.ts";
import { answer } from "./control/answer.ts";
import { type Listeners, takeMessage } from "./control/messages.ts";
import type { AgentStatus, ControlRequest } from "./control/request.ts";
import { openRounds } from "./control/rounds.ts";
import { openSite, type Site } from "./control/site.ts";
import { listen } from "./control/socket.ts";
import { readyWith } from "./disclosure/outgoing.ts";
import { EngineProcess } from "./engine/supervise.ts";
import { Restore } from "./ledger/restore.ts";
import { releasesWaiting } from "./release/answer.ts";
import { ReleasesFolder } from "./release/releasesFolder.ts";
import { contributionFile } from "./round/contribute.ts";
import type { RoundLink } from "./round/ports.ts";
import type { Rounds } from "./round/run.ts";
import { WeightsFolder } from "./round/weightsFolder.ts";
import { Link } from "./socket/link.ts";
import { keepRenewed } from "./socket/renewal.ts";
import { tellAll } from "./socket/telling.ts";
import { readTls, writeTls } from "./storage/keys.ts";

export interface AgentOptions {
  readonly path: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Called once, when commands can reach the agent and the engine is ready. */
  readonly onReady: (status: AgentStatus) => void;
  /** Aborted to stop. */
  readonly signal: AbortSignal;
  /** For the bench of rounds alone, which no command reaches: no record is read, sums are drawn from this seed. */
  readonly randomSums?: number;
}

/** Runs until `signal` is aborted or a command says stop; resolves when everything is closed. */
export async function runAgent(options: AgentOptions): Promise<void> {
  const now = (): Date => new Date();
  const site = await openSite(options.path, { environment: options.environment, now });
  const logger = jsonLinesLogger(`site/${site.config.name}`, undefined, now);
  const agent = new Agent(site, fromLevel(site.config.telemetry.logs.level, logger), options);
  const stop = (): void => agent.stop();
  options.signal.addEventListener("abort", stop);
  try {
    await agent.start();
    options.onReady(await agent.status());
    if (!options.signal.aborted) await agent.stopped;
  } finally {
    options.signal.removeEventListener("abort", stop);
    await agent.close();
    site.close();
  }
}

/** One running agent: engine, link and control socket around a site's database. */
class Agent {
  readonly stopped: Promise<void>;
  readonly #site: Site;
  readonly #logger: Logger;
  readonly #engine: EngineProcess;
  readonly #weights: WeightsFolder;
  readonly #releases: ReleasesFolder;
  readonly #rounds: Rounds;
  readonly #restore: Restore;
  readonly #since: string;
  #link: Link | null = null;
  #control: Server | null = null;
  #stopRenewal: () => void = () => {};
  #lastRefusal: Refusal | null = null;
  #resolveStopped: () => void = () => {};

  constructor(site: Site, logger: Logger, { environment, randomSums }: AgentOptions) {
    this.#site = site;
    this.#logger = logger;
    this.#since = site.now().toISOString();
    this.stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve;
    });
    this.#engine = new EngineProcess({ logger, engines: enginesFolder(environment), settings: site.config.engine });
    this.#weights = new WeightsFolder({ folder: site.folder.weights, link: this.#transfers(), logger });
    this.#releases = new ReleasesFolder({ folder: site.folder.releases, link: this.#transfers(), logger });
    this.#rounds = openRounds(site, {
      engine: this.#engine,
      weights: this.#weights,
      link: this.#transfers(),
      logger,
      randomSums,
    });
    this.#restore = new Restore({ ...site, rounds: this.#rounds, link: this.#transfers(), logger });
    site.ledger.logNotices(logger);
  }

  async start(): Promise<void> {
    const { folder } = this.#site;
    this.#control = await listen(folder.socket, (request) => this.#answer(request));
    await this.#sweep();
    await this.#engine.request({ type: "status" });
    this.#link = this.#connect();
    this.#stopRenewal = this.#renewCertificate(this.#link);
    this.#logger.info("agent-started");
  }

  stop(): void {
    this.#resolveStopped();
  }

  /** Nothing new is begun; what is durable stays as it is, and the next start goes on from there. */
  async close(): Promise<void> {
    this.#stopRenewal();
    this.#rounds.stop();
    await this.#link?.close();
    await this.#engine.stop();
    const control = this.#control;
    if (control !== null) await new Promise((resolve) => control.close(resolve));
    this.#logger.info("agent-stopped");
  }

  async status(): Promise<AgentStatus> {
    const engine = await this.#engine.request({ type: "status" });
    const { certificate } = await readTls(this.#site.folder);
    return {
      site: this.#site.config.name,
      pid: process.pid,
      since: this.#since,
      isConnected: this.#link?.isConnected ?? false,
      backend: engine.type === "status" ? engine.backend : "none",
      notUsed: engine.type === "status" ? engine.notUsed : [],
      workers: engine.type === "status" ? engine.workers : [],
      studies: engine.type === "status" ? engine.studies : [],
      certificateEnds: validityOf(certificate).notAfter.toISOString(),
      steward: this.#site.records.steward().name,
      lastRefusal: this.#lastRefusal,
      apart: this.#restore.apart(),
    };
  }

  /** The link, which is there only once the agent has started. */
  #transfers(): RoundLink {
    return {
      send: (message, attachment) => this.#linked().send(message, attachment),
      upload: (path, content) => this.#linked().upload(path, content),
      download: (digest, bytes, path) => this.#linked().download(digest, bytes, path),
    };
  }

  /** A process that was killed leaves files of attempts that ended, and of models on their way. */
  async #sweep(): Promise<void> {
    const { folder, attempts } = this.#site;
    await this.#weights.keepOnly(weightsNeeded(this.#site.records.proposals()));
    await this.#releases.keepOnly(releasesWaiting(this.#site.records));
    const kept = new Set(attempts.acting().map((key) => contributionFile(folder.outbox, key)));
    for (const parent of [folder.outbox, folder.models]) {
      const paths = (await readdir(parent)).map((name) => join(parent, name)).filter((path) => !kept.has(path));
      await Promise.all(paths.map((path) => rm(path, { force: true })));
    }
  }

  #linked(): Link {
    if (this.#link !== null) return this.#link;
    throw new Failure({
      code: "link/not-started",
      kind: "unreachable",
      what: "The link to the coordinator has not been started yet.",
      remedy: "Wait a moment.",
    });
  }

  #connect(): Link {
    const { config, keys, folder, ledger } = this.#site;
    return new Link({
      url: config.coordinator.url,
      site: config.name,
      identity: keys.identity,
      coordinatorKey: config.coordinator.key,
      ca: keys.ca,
      random: operatingSystemRandom,
      credentials: () => readTls(folder),
      ready: () => readyWith(ledger.head(), this.#rounds.held(), ledger.forgone()),
      handlers: {
        onMessage: (message, attachment) => takeMessage(this.#site, this.#listeners(), message, attachment),
        onConnected: () => this.#onConnected(),
        onDisconnected: (reason, refusal) => {
          this.#lastRefusal = refusal ?? null;
          this.#restore.forget();
          this.#logger.warn("link-lost", { reason, ...(refusal === undefined ? {} : { code: refusal.code }) });
        },
        onRefusal: (refusal) => this.#logger.warn("message-refused", { code: refusal.code }),
      },
    });
  }

  #listeners(): Listeners {
    const fetchReleases = (): void => this.#releases.fetchAhead(releasesWaiting(this.#site.records));
    return { rounds: this.#rounds, restore: this.#restore, logger: this.#logger, fetchReleases };
  }

  #onConnected(): void {
    this.#lastRefusal = null;
    this.#logger.info("link-up");
    // After the link has taken note that it is up.
    queueMicrotask(() => {
      this.#rounds.onReconnected();
      this.#tell();
      this.#weights.fetchAhead(weightsNeeded(this.#site.records.proposals()));
    });
  }

  async #answer(request: ControlRequest): Promise<unknown> {
    if (request.ask === "status") return this.status();
    if (request.ask === "stop") {
      // After the reply has gone.
      setImmediate(() => this.stop());
      return { stopping: process.pid };
    }
    if (request.ask === "accept-restore") return this.#acceptRestore(request);
    const result = answer(this.#site, request);
    if (request.ask === "decide") {
      this.#logger.info("steward-decided", { action: request.signed.statement.decision.action });
      this.#tell();
      this.#weights.fetchAhead(weightsNeeded(this.#site.records.proposals()));
    }
    return result;
  }

  /** The link begins anew: both sides say where they stand, and whether the ledgers join now. */
  async #acceptRestore(request: Extract<ControlRequest, { ask: "accept-restore" }>): Promise<unknown> {
    const accepted = await this.#restore.accept(request);
    if (request.isPreview) return accepted;
    this.#logger.info("restore-accepted", { recovered: accepted.recovered });
    this.#linked()
      .reconnect()
      .catch((error: unknown) => this.#logger.warn("link-not-renewed", { code: toRefusal(error).code }));
    return accepted;
  }

  #tell(): void {
    tellAll({ ...this.#site, link: this.#linked(), logger: this.#logger });
  }

  #renewCertificate(link: Link): () => void {
    const { config, folder, now } = this.#site;
    return keepRenewed({
      link,
      site: config.name,
      load: () => readTls(folder),
      save: (credentials) => writeTls(folder, credentials),
      now,
      random: operatingSystemRandom,
      onRenewed: (notAfter) => this.#logger.info("certificate-renewed", { until: notAfter.toISOString() }),
      onFailure: (error) => this.#logger.warn("certificate-not-renewed", { code: toRefusal(error).code }),
    }).stop;
  }
}

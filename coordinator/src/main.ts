import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { HOUR_MS } from "@consilium/certs/authority";
import { PUBLIC_FILE_MODE, writeFileAtomically } from "@consilium/certs/files";
import { noticeFields } from "@consilium/shared/ledger/notice";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import { weightsOfStudy } from "@consilium/shared/study/network";
import type { Logger } from "@consilium/shared/system/logger";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { COORDINATOR, type SiteName } from "@consilium/shared/units/identity";
import { openDatabase } from "@consilium/storage/database";
import { LedgerStore } from "@consilium/storage/ledgerStore";
import { type CoordinatorConfig, isLoopback, readConfig } from "./config.ts";
import { Consortium } from "./consortium/consortium.ts";
import { type CoordinatorKeys, readKeys, type ServerTls, serverTls } from "./consortium/dataFolder.ts";
import { ensureLeadToken } from "./consortium/leadToken.ts";
import { type DataPaths, dataPaths } from "./consortium/paths.ts";
import { notListening, readPorts, refuseIfRunning, writeRunning } from "./consortium/running.ts";
import { createApp } from "./http/app.ts";
import { Changes } from "./http/changes.ts";
import { ENROLMENT_PATH } from "./http/enrolment.ts";
import { openPeopleServer, type PeopleServer } from "./http/peopleServer.ts";
import { PlanThread } from "./http/planThread.ts";
import type { Service } from "./http/service.ts";
import { StudyCosts } from "./http/studyCosts.ts";
import { WeightsRoom } from "./http/weights.ts";
import { ledgerBook } from "./ledger/ledgerBook.ts";
import { Restores } from "./ledger/restores.ts";
import { installedSbom } from "./release/installedPackages.ts";
import { Releases } from "./release/releases.ts";
import { restoreList } from "./release/revoking.ts";
import { handlersOf, type Parties } from "./socket/handlers.ts";
import { type AgentServer, openAgentServer } from "./socket/server.ts";
import type { AgentHandlers } from "./socket/serverOptions.ts";
import { BlobFolder } from "./storage/blobFolder.ts";
import { coordinatorMigrations } from "./storage/migrations.ts";
import type { Sql } from "./storage/sql.ts";
import { listStudies } from "./storage/studies.ts";
import type { CoordinatorTables } from "./storage/tables.ts";
import { Studies } from "./study/studies.ts";
import type { SiteLink, StudyWorld } from "./study/world.ts";
import { SOFTWARE_VERSION } from "./version.ts";

export interface StartOptions {
  readonly dataFolder: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly logger: Logger;
  readonly random: RandomSource;
  /** The thread in which studies are planned, where it isn't the one of this build. */
  readonly planWorker?: URL;
}

/** A coordinator at work. */
export interface Running {
  readonly agentsUrl: string;
  readonly peopleUrl: string;
  /** Stops listening and leaves the database as it is: the next start goes on from there. */
  stop(): Promise<void>;
}

/** The one composition root: configuration, database, listeners; goes on with every running study. */
export async function start(options: StartOptions): Promise<Running> {
  const config = readConfig(options.dataFolder, options.environment);
  const paths = dataPaths(options.dataFolder);
  await refuseIfRunning(paths);
  const keys = await readKeys(paths);
  const sql = await openDatabase<CoordinatorTables>(paths.database, coordinatorMigrations);
  try {
    return await startOn(sql, { options, config, paths, keys });
  } catch (error) {
    sql.close();
    throw error;
  }
}

interface Parts {
  readonly options: StartOptions;
  readonly config: CoordinatorConfig;
  readonly paths: DataPaths;
  readonly keys: CoordinatorKeys;
}

async function startOn(sql: Sql, parts: Parts): Promise<Running> {
  const { options, config, paths, keys } = parts;
  const { logger, random } = options;
  const now = (): Date => new Date();
  const store = new LedgerStore(sql, { writer: COORDINATOR, signer: keys.signer, now });
  const changes = new Changes(now);
  store.watchNotices((notice) => logger.warn("budget-notice", noticeFields(notice)));
  // The listener needs the studies and the studies need its links: each asks for the other when it is used.
  const late: { server: AgentServer | null } = { server: null };
  const consortium = new Consortium({
    sql,
    ...keys,
    random,
    now,
    onAuthorityChanged: () => late.server?.recheckAuthority(),
  });
  const world: StudyWorld = {
    sql,
    ledger: ledgerBook(store, keys.signer, now),
    blobs: await BlobFolder.open(paths.blobs),
    weights: await weightsFolder(sql, paths.weights),
    link: linkOf(late, (site) => restores.isApart(site)),
    clock: { now, after },
    logger,
    signer: keys.signer,
    roster: () => consortium.roster(),
    countersigned: new Map(),
    changed: (topic, study) => changes.changed(topic, study),
    gatherMs: config.gatherMs,
    releasesFolder: paths.releases,
    softwareVersion: SOFTWARE_VERSION,
    sbom: installedSbom(fileURLToPath(new URL("..", import.meta.url)), SOFTWARE_VERSION),
  };
  const studies = new Studies(world);
  const releases = new Releases(world, studies);
  const restores = new Restores({
    ...world,
    send: world.link.send,
    now,
    onJoined: (site) => {
      studies.onConnected(site);
      releases.onConnected(site);
    },
  });
  await restoreList(world);
  // Before anyone can connect: a site's first message finds its round.
  await studies.resumeAll();
  const handlers = handlersOf(world, { studies, consortium, restores, releases });
  const opened = listen(parts, world, { studies, releases, consortium, restores, changes, store, handlers, late });
  const { agents, people } = await opened.catch(async (error: unknown) => {
    await studies.freeze();
    throw error;
  });
  await ensureLeadToken(sql, paths.leadToken, { now: now(), random });
  logger.info("coordinator-started", { agents: agents.url, people: people.url });
  return {
    agentsUrl: agents.url,
    peopleUrl: people.url,
    stop: async () => {
      await studies.freeze();
      await releases.settled();
      await people.close();
      await agents.close();
      sql.close();
      await rm(paths.running, { force: true });
      logger.info("coordinator-stopped");
    },
  };
}

const MEBIBYTE = 1024 ** 2;

/** Weights files and models that are audited again, without those of studies that were never proposed after all. */
async function weightsFolder(sql: Sql, path: string): Promise<BlobFolder> {
  const folder = await BlobFolder.open(path);
  const named = new Set(
    listStudies(sql).flatMap(({ document }) => [weightsOfStudy(document)?.digest, document.again?.model.digest]),
  );
  for (const digest of await folder.digests()) if (!named.has(digest)) await folder.remove(digest);
  return folder;
}

interface Listening extends Parties {
  readonly changes: Changes;
  readonly store: LedgerStore;
  readonly handlers: AgentHandlers;
  readonly late: { server: AgentServer | null };
}

/** Opens both listeners, on the ports of the last start where the configuration leaves them open. */
async function listen(
  { options, config, paths, keys }: Parts,
  world: StudyWorld,
  { studies, releases, consortium, restores, changes, store, handlers, late }: Listening,
): Promise<{ agents: { url: string; close: () => Promise<void> }; people: PeopleServer }> {
  const { random, logger } = options;
  const issuing = () => ({ now: new Date(), random });
  const tls = await serverTls(paths, keys.authority, config.hosts, issuing());
  const ports = await readPorts(paths, config.listen);
  const server = await openAgentServer({
    host: config.listen.agents.host,
    port: ports.agents,
    tls,
    signer: keys.signer,
    random,
    authorities: {
      roster: () => consortium.roster().roster,
      denyList: () => consortium.denyList(),
      now: () => new Date(),
    },
    uploadsFolder: paths.uploads,
    blobFor: async (site, digest) => (await studies.fileFor(site, digest)) ?? releases.fileFor(site, digest),
    handlers,
  }).catch((cause: unknown) => {
    throw notListening("agents", { host: config.listen.agents.host, port: ports.agents }, paths.config, cause);
  });
  late.server = server;
  const isSecure = !isLoopback(config.listen.people.host);
  const url = `https://${config.hosts[0]}:${server.port}`;
  const addresses = () => ({ enrolUrl: `${people.url}${ENROLMENT_PATH}`, agentsUrl: url });
  const plans = new PlanThread(options.planWorker);
  const service: Service = {
    name: config.consortium,
    dataFolder: resolve(options.dataFolder),
    world,
    weightsRoom: new WeightsRoom(world.weights, config.weightsMiB * MEBIBYTE),
    store,
    plans,
    costs: new StudyCosts(() => store.state, world.clock.now),
    studies,
    releases,
    consortium,
    restores,
    changes,
    random,
    addresses,
    peopleUrl: () => people.url,
    isSecure,
  };
  const host = isSecure ? config.hosts[0] : config.listen.people.host;
  const place = { host: config.listen.people.host, port: ports.people, publicHost: host ?? config.listen.people.host };
  const people = await openPeopleServer(createApp(service), place, isSecure ? tls : null).catch(async (cause) => {
    // Half a coordinator would hold its port and never end.
    await server.close();
    throw notListening("people", place, paths.config, cause);
  });
  await writeFileAtomically(
    paths.ports,
    JSON.stringify({ agents: server.port, people: people.port }),
    PUBLIC_FILE_MODE,
  );
  await writeRunning(paths, { agents: url, people: people.url });
  const renewal = setInterval(() => {
    renewCertificate(() => serverTls(paths, keys.authority, config.hosts, issuing()), [server, people], logger);
  }, HOUR_MS).unref();
  const close = async (): Promise<void> => {
    clearInterval(renewal);
    await plans.close();
    await server.close();
  };
  return { agents: { url, close }, people };
}

/** Puts the certificate that is good by now to use at every listener; the one in use stays where that fails. */
function renewCertificate(
  fresh: () => Promise<ServerTls>,
  listeners: readonly { useCertificate(tls: ServerTls): void }[],
  logger: Logger,
): void {
  fresh()
    .then((tls) => {
      for (const listener of listeners) listener.useCertificate(tls);
    })
    .catch(() => logger.error("certificate-not-renewed"));
}

/** A site whose ledger and ours don't join is not there for any study. */
function linkOf(late: { readonly server: AgentServer | null }, isApart: (site: SiteName) => boolean): SiteLink {
  const server = (): AgentServer => {
    if (late.server === null) throw new Error("the agents' listener is not open yet");
    return late.server;
  };
  return {
    isConnected: (site) => !isApart(site) && (late.server?.isConnected(site) ?? false),
    send: async (site, message, attachment) => server().send(site, message, attachment),
    expectUpload: async (site, digest, bytes) => server().expectUpload(site, digest, bytes),
    forgetUpload: async (site, digest) => server().forgetUpload(site, digest),
  };
}

function after(milliseconds: number, run: () => void): () => void {
  const timer = setTimeout(run, milliseconds);
  return () => clearTimeout(timer);
}

/** Starts with this process's environment and stops cleanly on SIGTERM or SIGINT; `ended` resolves after that. */
export async function startFromProcess(
  dataFolder: string,
  logger: Logger,
): Promise<Running & { readonly ended: Promise<void> }> {
  const running = await start({ dataFolder, environment: process.env, logger, random: operatingSystemRandom });
  const ended = new Promise<void>((resolve, reject) => {
    const stop = (): void => void running.stop().then(resolve, reject);
    process.once("SIGTERM", stop);
    process.once("SIGINT", stop);
  });
  return { ...running, ended };
}

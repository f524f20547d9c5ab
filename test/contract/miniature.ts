import { X509Certificate } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Authority,
  createAuthority,
  issueServerCertificate,
  issueSiteCertificate,
} from "@consilium/certs/authority";
import { createCertificateRequest } from "@consilium/certs/request";
import { type DenyList, EMPTY_DENY_LIST } from "@consilium/certs/revocation";
import { type AgentServer, openAgentServer } from "@consilium/coordinator/socket/server";
import type { RefusalNotice } from "@consilium/coordinator/socket/serverOptions";
import { digestOf } from "@consilium/shared/encoding/digest";
import { emptyState, headOf } from "@consilium/shared/ledger/state";
import { LEDGER_HEAD_DOMAIN, type ReplyBody, type SiteMessage } from "@consilium/shared/protocol/messages";
import type { Ready } from "@consilium/shared/protocol/ready";
import { EMPTY_ROSTER, type Roster, withSite } from "@consilium/shared/protocol/roster";
import { newSeed, type Signer, signerOf, signStatement } from "@consilium/shared/signing/ed25519";
import { operatingSystemRandom as random } from "@consilium/shared/system/operatingSystemRandom";
import { SiteName, StudyName } from "@consilium/shared/units/identity";
import { decisionTold, type Outgoing, readyWith } from "@consilium/site-agent/disclosure/outgoing";
import type { Credentials } from "@consilium/site-agent/socket/connection";
import { Link, type LinkHandlers } from "@consilium/site-agent/socket/link";
import { expect } from "vitest";

export interface MiniatureSite {
  readonly site: SiteName;
  readonly identity: Signer;
  credentials: Credentials;
}

/** A small message of a site, and one of the coordinator. */
export const rejection = rejectionFor("not in this hospital");
export const moved = { type: "study-moved", study: StudyName.parse("heart"), state: "training" } as const;

type SiteHandler = (site: SiteName, message: SiteMessage, attachment: Uint8Array | undefined) => Promise<ReplyBody>;

/** A consortium in one process: a real authority, the real listener of the coordinator, real links over TLS. */
export class Miniature {
  readonly authority: Authority;
  readonly signer = signerOf(newSeed(random));
  readonly folder: string;
  readonly refusals: RefusalNotice[] = [];
  readonly faults: unknown[] = [];
  readonly connected: SiteName[] = [];
  readonly disconnected: SiteName[] = [];
  readonly blobs = new Map<string, string>();
  onMessage: SiteHandler = async () => ({ type: "accepted" });
  roster: Roster = EMPTY_ROSTER;
  denyList: DenyList = EMPTY_DENY_LIST;
  clockSkewMs = 0;
  readonly #links: Link[] = [];
  #count = 0;
  #server: AgentServer | undefined;

  private constructor(authority: Authority, folder: string) {
    this.authority = authority;
    this.folder = folder;
  }

  static async start(): Promise<Miniature> {
    const authority = await createAuthority("miniature", { now: new Date(), random });
    const miniature = new Miniature(authority, await mkdtemp(join(tmpdir(), "consilium-contract-")));
    await miniature.startServer();
    return miniature;
  }

  get server(): AgentServer {
    if (this.#server === undefined) throw new Error("the server is stopped");
    return this.#server;
  }

  get url(): string {
    return `https://127.0.0.1:${this.server.port}`;
  }

  async startServer(port = 0): Promise<void> {
    const { csr, privateKey } = await createCertificateRequest("coordinator");
    const certificate = await issueServerCertificate(this.authority, csr, ["127.0.0.1"], { now: new Date(), random });
    this.#server = await openAgentServer({
      host: "127.0.0.1",
      port,
      tls: { key: privateKey, certificate, ca: this.authority.certificate },
      signer: this.signer,
      random,
      authorities: {
        roster: () => this.roster,
        denyList: () => this.denyList,
        now: () => new Date(Date.now() + this.clockSkewMs),
      },
      uploadsFolder: join(this.folder, "uploads"),
      blobFor: async (site, digest) => this.blobs.get(`${site}/${digest}`),
      handlers: {
        onMessage: (site, message, attachment) => this.onMessage(site, message, attachment),
        admit: () => null,
        onConnected: (site) => this.connected.push(site),
        onDisconnected: (site) => this.disconnected.push(site),
        onRefusal: (notice) => this.refusals.push(notice),
        onFault: (error) => this.faults.push(error),
      },
    });
  }

  /** Enrols a site: pinned key, certificate. */
  async enrol(name: string, authority = this.authority): Promise<MiniatureSite> {
    const site = SiteName.parse(name);
    const [identity, steward] = [signerOf(newSeed(random)), signerOf(newSeed(random))];
    const keys = { identityKey: identity.publicKey, stewardKey: steward.publicKey };
    this.roster = withSite(this.roster, { site, ...keys, state: "active" });
    return { site, identity, credentials: await this.certify(site, authority) };
  }

  /** Each test breaks the rules with a site of its own. */
  enrolAnother(): Promise<MiniatureSite> {
    this.#count += 1;
    return this.enrol(`site-${this.#count}`);
  }

  /** A site that stays connected throughout: nothing that others do may disturb it. */
  async enrolHonest(): Promise<MiniatureSite> {
    const member = await this.enrol("honest");
    const link = this.link(member);
    await until(() => link.isConnected, "the honest site connects");
    return member;
  }

  async certify(site: SiteName, authority = this.authority, lifetimeMs?: number): Promise<Credentials> {
    const { csr, privateKey } = await createCertificateRequest(site);
    const certificate = await issueSiteCertificate(authority, csr, site, { now: new Date(), random }, lifetimeMs);
    return { certificate, privateKey };
  }

  link(
    member: MiniatureSite,
    handlers: Partial<LinkHandlers> = {},
    coordinatorKey = this.signer.publicKey,
    url = this.url,
  ): Link {
    const link = new Link({
      url,
      site: member.site,
      identity: member.identity,
      coordinatorKey,
      ca: this.authority.certificate,
      random,
      credentials: async () => member.credentials,
      ready: () => readyOf(member),
      handlers: {
        onMessage: async () => ({ type: "accepted" }),
        onConnected: () => undefined,
        onDisconnected: () => undefined,
        onRefusal: () => undefined,
        ...handlers,
      },
    });
    this.#links.push(link);
    return link;
  }

  codesOf(site: SiteName): string[] {
    return this.refusals.filter((notice) => notice.site === site).map((notice) => notice.code);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.close()));
    await this.#server?.close();
    await rm(this.folder, { recursive: true });
  }
}

/** Of a site whose ledger is empty, and that saw none of the coordinator's. */
export function readyOf({ site, identity }: MiniatureSite): Outgoing<Ready> {
  const head = headOf(emptyState(site));
  return readyWith({ head, signature: signStatement(identity, LEDGER_HEAD_DOMAIN, head) }, null);
}

export function rejectionFor(reason: string): Outgoing {
  const [study, studyDigest] = [StudyName.parse("heart"), digestOf("a study")];
  return decisionTold({ type: "study-rejected", study, studyDigest, reason });
}

/** Resolves once a condition holds; rejects, with its text, when it doesn't within a time. */
export async function until(condition: () => boolean, what: string, timeoutMs = 5000): Promise<void> {
  const start = performance.now();
  while (!condition()) {
    if (performance.now() - start > timeoutMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The honest site was never refused or disconnected, still answers, and the coordinator met no fault. */
export async function expectUndisturbed(consortium: Miniature, honest: MiniatureSite): Promise<void> {
  expect(consortium.codesOf(honest.site)).toEqual([]);
  expect(consortium.disconnected).not.toContain(honest.site);
  expect(await consortium.server.send(honest.site, moved)).toEqual({ type: "accepted" });
  expect(consortium.faults).toEqual([]);
}

export function serialOf(member: MiniatureSite): string {
  return new X509Certificate(member.credentials.certificate).serialNumber.toLowerCase();
}

import type { Refusal } from "@consilium/shared/failure/failure";
import type { ReplyBody, SiteMessage } from "@consilium/shared/protocol/messages";
import type { Ready } from "@consilium/shared/protocol/ready";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { Signer } from "@consilium/shared/signing/ed25519";
import type { Digest, SiteName } from "@consilium/shared/units/identity";
import type { Authorities } from "./peer.ts";

/** Certificate and key of the listener, and the authority that both sides trust. PEM. */
export interface ListenerTls {
  readonly key: string;
  readonly certificate: string;
  readonly ca: string;
}

/** A refusal, for the audit log. `site` is null where no certificate told it. */
export interface RefusalNotice {
  readonly site: SiteName | null;
  readonly code: string;
  readonly refusal: Refusal;
  readonly address: string;
}

export interface AgentServerOptions {
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  readonly tls: ListenerTls;
  /** Signs all that the coordinator says. */
  readonly signer: Signer;
  readonly random: RandomSource;
  readonly authorities: Authorities;
  /** Folder of unfinished uploads; emptied at start. */
  readonly uploadsFolder: string;
  readonly blobFor: (site: SiteName, digest: Digest) => Promise<string | undefined>;
  readonly handlers: AgentHandlers;
}

export interface AgentHandlers {
  /** Parses nothing, checks nothing of the link: the site is proven, the message valid. A `Failure` is a refusal. */
  readonly onMessage: (site: SiteName, message: SiteMessage, attachment: Uint8Array | undefined) => Promise<ReplyBody>;
  /** Whether both ledgers go on where the site last saw them; a refusal ends the link before it begins. */
  readonly admit: (site: SiteName, ready: Ready) => Refusal | null;
  readonly onConnected: (site: SiteName) => void;
  readonly onDisconnected: (site: SiteName) => void;
  readonly onRefusal: (notice: RefusalNotice) => void;
  /** A disk or a bug, not a site: for the log. */
  readonly onFault: (error: unknown) => void;
}

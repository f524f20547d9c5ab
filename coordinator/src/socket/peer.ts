import type { TLSSocket } from "node:tls";
import { tlsKeyFingerprint } from "@consilium/certs/keys";
import { type DenyList, denies, SerialNumber } from "@consilium/certs/revocation";
import type { RefusalCode } from "@consilium/shared/protocol/refusals";
import { activeSite, type Roster, type RosterSite } from "@consilium/shared/protocol/roster";
import { type Digest, SiteName } from "@consilium/shared/units/identity";

/** Who stands at the other end of a TLS connection, by its certificate alone. */
export interface Peer {
  readonly site: SiteName;
  readonly serial: SerialNumber;
  readonly notAfter: Date;
  readonly tlsKey: Digest;
}

/** What decides, at any moment, who may act. */
export interface Authorities {
  readonly roster: () => Roster;
  readonly denyList: () => DenyList;
  readonly now: () => Date;
}

/** The site in a verified client certificate; undefined when the certificate doesn't name one. */
export function peerOf(socket: TLSSocket): Peer | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined || !socket.authorized) return undefined;
  const subject = /^CN=(.+)$/.exec(certificate.subject);
  const site = SiteName.safeParse(subject?.[1]);
  const serial = SerialNumber.safeParse(certificate.serialNumber.toLowerCase());
  if (!site.success || !serial.success) return undefined;
  const tlsKey = tlsKeyFingerprint(certificate.publicKey);
  return { site: site.data, serial: serial.data, notAfter: new Date(certificate.validTo), tlsKey };
}

/** The peer's entry in the roster, or why it may not act now. Asked at the handshake, at each message and transfer. */
export function authorize(peer: Peer, authorities: Authorities): RosterSite | RefusalCode {
  const roster = authorities.roster();
  if (!roster.sites.some(({ site }) => site === peer.site)) return "site/unknown";
  const entry = activeSite(roster, peer.site);
  if (entry === undefined || denies(authorities.denyList(), peer.site, peer.serial)) return "site/revoked";
  return peer.notAfter.getTime() <= authorities.now().getTime() ? "certificate/expired" : entry;
}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { signerOf } from "@consilium/shared/signing/ed25519";
import type { Consortium } from "../../simulation/processes/consortium.mjs";
import { type ProxyIdentity, startRecordingProxy } from "./recordingProxy.ts";

/** A recording proxy in front of a test's coordinator, with its server's key and the sites' own. */
export function startProxyOf(consortium: Consortium) {
  const keys = join(consortium.coordinatorFolder, "keys");
  const text = (name: string): string => readFileSync(join(keys, name), "utf8");
  return startRecordingProxy({
    ca: text("ca.crt"),
    server: { key: text("tls.key"), certificate: text("tls.crt") },
    upstreamPort: Number(new URL(consortium.agents).port),
    siteIdentity: (site) => siteTls(consortium, site),
  });
}

/** `tls.pem` holds both: the key, then the certificate. */
function siteTls(consortium: Consortium, site: string): ProxyIdentity {
  const pem = readFileSync(join(consortium.siteFolder(site), "keys", "tls.pem"), "utf8");
  return { key: pem, certificate: pem };
}

/** Public key of a site's identity, from its own seed. */
export function siteKey(consortium: Consortium, site: string): string {
  const seed = readFileSync(join(consortium.siteFolder(site), "keys", "identity.seed"), "utf8");
  return signerOf(new Uint8Array(Buffer.from(seed.trim(), "base64"))).publicKey;
}

import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { Express } from "express";
import type { ServerTls } from "../consortium/dataFolder.ts";

export interface PeopleServer {
  readonly url: string;
  readonly port: number;
  useCertificate(tls: ServerTls): void;
  close(): Promise<void>;
}

export interface PeoplePlace {
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  /** By which browsers reach it. */
  readonly publicHost: string;
}

/** The people's listener: HTTPS, or plain HTTP where `tls` is null, which is for the loopback alone. */
export async function openPeopleServer(app: Express, place: PeoplePlace, tls: ServerTls | null): Promise<PeopleServer> {
  const secure = tls === null ? null : createHttpsServer({ ...contextOf(tls), minVersion: "TLSv1.2" }, app);
  const server = secure ?? createHttpServer(app);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(place.port, place.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : place.port;
  return {
    url: `${tls === null ? "http" : "https"}://${place.publicHost}:${port}`,
    port,
    useCertificate: (fresh) => secure?.setSecureContext(contextOf(fresh)),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        // Pages hold streams open for as long as they are looked at.
        server.closeAllConnections();
      }),
  };
}

function contextOf({ key, certificate }: ServerTls): { key: string; cert: string } {
  return { key, cert: certificate };
}

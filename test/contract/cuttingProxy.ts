import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** A TCP proxy that breaks each connection after so many bytes, as bad lines do. */
export class CuttingProxy {
  /** All bytes that crossed, both ways. */
  bytes = 0;
  cuts = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(targetPort: number, cutAfterBytes: number): Promise<CuttingProxy> {
    const server = createServer();
    const proxy = new CuttingProxy(server);
    server.on("connection", (near) => proxy.#relay(near, connect(targetPort, "127.0.0.1"), cutAfterBytes));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get url(): string {
    const address = this.#server.address();
    return `https://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  }

  async stop(): Promise<void> {
    this.#server.close();
    await once(this.#server, "close");
  }

  #relay(near: Socket, far: Socket, cutAfterBytes: number): void {
    let left = cutAfterBytes;
    const end = (): void => {
      near.destroy();
      far.destroy();
    };
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on("error", end);
      from.on("close", end);
      from.on("data", (chunk: Buffer) => {
        this.bytes += chunk.length;
        left -= chunk.length;
        if (left < 0 && !near.destroyed) {
          this.cuts += 1;
          end();
        } else if (!to.destroyed && !to.write(chunk)) {
          from.pause();
          to.once("drain", () => from.resume());
        }
      });
    }
  }
}

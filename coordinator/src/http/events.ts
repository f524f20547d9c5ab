import { Failure } from "@consilium/shared/failure/failure";
import { type Endpoint, endpoint } from "./endpoint.ts";
import type { Service } from "./service.ts";

/** Open pages of all people together. */
const STREAMS_MAX = 100;
/** Proxies cut a stream that says nothing for a minute. */
const HEARTBEAT_MS = 20_000;

export function eventEndpoints({ changes }: Service): Endpoint[] {
  return [
    endpoint({
      method: "get",
      path: "/api/events",
      summary: "Server-sent events; each `data:` is a ChangeNotice",
      handle: ({ request, response }) => {
        if (changes.listenerCount >= STREAMS_MAX) throw tooMany();
        response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
        response.write(": open\n\n");
        const stop = changes.listen((notice) => response.write(`data: ${JSON.stringify(notice)}\n\n`));
        const heartbeat = setInterval(() => response.write(": still here\n\n"), HEARTBEAT_MS).unref();
        request.once("close", () => {
          stop();
          clearInterval(heartbeat);
          response.end();
        });
      },
    }),
  ];
}

function tooMany(): Failure {
  return new Failure({
    code: "http/too-many-streams",
    kind: "refused",
    what: "Too many pages are open.",
    remedy: "Close some; the page asks again by itself.",
  });
}

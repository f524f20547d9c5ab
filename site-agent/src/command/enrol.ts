import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { EnrolmentGrant, type EnrolmentRequest, type EnrolmentToken } from "@consilium/certs/enrolment";
import { Failure, fromRefusal, Refusal } from "@consilium/shared/failure/failure";
import { z } from "zod";

const TIMEOUT_MS = 20_000;
const ANSWER_BYTES_MAX = 100_000;
/** What the coordinator says when it refuses; `error` wraps it where its API does. */
const Refused = z.union([Refusal, z.object({ error: Refusal }).transform(({ error }) => error)]);

/**
 * Sends the request to the address in the token. The coordinator must show a certificate of the authority that the
 * token pins; plain HTTP is for the loopback alone, as the token's schema says.
 */
export async function enrol(token: EnrolmentToken, request: EnrolmentRequest): Promise<EnrolmentGrant> {
  const { status, text } = await post(token, JSON.stringify(request));
  const body: unknown = parseJson(text);
  const grant = EnrolmentGrant.safeParse(body);
  if (status === 200 || status === 201) {
    if (grant.success && grant.data.site === token.site && grant.data.ca === token.ca) return grant.data;
    throw unusable("The coordinator's grant is not for this site or names another authority.");
  }
  const refused = Refused.safeParse(body);
  if (refused.success) throw fromRefusal(refused.data);
  throw unusable(`The coordinator answered with HTTP status ${status}.`);
}

function post(token: EnrolmentToken, body: string): Promise<{ status: number; text: string }> {
  const url = new URL(token.enrolUrl);
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  const options = { method: "POST", headers, timeout: TIMEOUT_MS };
  const secure = { ...options, ca: token.ca, minVersion: "TLSv1.3" as const, agent: false as const };
  return new Promise((resolve, reject) => {
    const call = url.protocol === "https:" ? httpsRequest(url, secure) : httpRequest(url, options);
    call.once("timeout", () => call.destroy(new Error("no answer in time")));
    call.once("error", (cause) => reject(unreachable(url, cause)));
    call.once("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > ANSWER_BYTES_MAX) call.destroy(new Error("the answer is too long"));
      });
      response.once("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.once("error", (cause) => reject(unreachable(url, cause)));
    });
    call.end(body);
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreachable(url: URL, cause: Error): Failure {
  return new Failure({
    code: "enrolment/unreachable",
    kind: "unreachable",
    what: `The coordinator at ${url.origin} could not be reached, or is not the one that the token names (${cause.message}).`,
    remedy: "Check the network and ask the lead whether the coordinator runs; the token is still good.",
    cause,
  });
}

function unusable(what: string): Failure {
  return new Failure({
    code: "enrolment/answer-unusable",
    kind: "fault",
    what,
    remedy: "Tell the consortium's lead; ask for a new token. Nothing was stored.",
  });
}

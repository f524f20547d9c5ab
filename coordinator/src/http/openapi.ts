import { Refusal } from "@consilium/shared/failure/failure";
import { z } from "zod";
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from "zod-openapi";
import type { Endpoint } from "./endpoint.ts";

const RefusalView = Refusal.meta({ id: "Refusal" });

/** OpenAPI 3.1 of all routes, from the very schemas that check them. */
export function openApiDocument(endpoints: readonly Endpoint[], version: string): object {
  const paths: ZodOpenApiPathsObject = {};
  for (const endpoint of endpoints) {
    const path = endpoint.path.replaceAll(/:([a-z]+)/g, "{$1}").replaceAll(/\{\*([a-z]+)\}/g, "{$1}");
    paths[path] = { ...paths[path], [endpoint.method]: operationOf(endpoint, path) };
  }
  return createDocument({
    openapi: "3.1.0",
    info: { title: "Consilium coordinator", version },
    paths,
    components: {
      securitySchemes: {
        session: { type: "apiKey", in: "cookie", name: "consilium-session" },
        token: { type: "http", scheme: "bearer" },
      },
    },
  });
}

const BYTES = { "application/octet-stream": { schema: { type: "string", format: "binary" } } } as const;

function operationOf(endpoint: Endpoint, path: string): ZodOpenApiOperationObject {
  const names = [...path.matchAll(/\{([a-z]+)\}/g)].map(([, name]) => name ?? "");
  const json = (schema: z.ZodType) => ({ "application/json": { schema } });
  const success =
    endpoint.reply === undefined
      ? { "204": { description: "Done" } }
      : { "200": { description: "Done", content: json(endpoint.reply) } };
  return {
    summary: endpoint.summary,
    ...(endpoint.access === "public" ? {} : { security: [{ session: [] }, { token: [] }] }),
    ...(names.length === 0
      ? {}
      : { requestParams: { path: z.object(Object.fromEntries(names.map((name) => [name, z.string()]))) } }),
    ...(endpoint.body === undefined ? {} : { requestBody: { content: json(endpoint.body) } }),
    ...(endpoint.takesBytes ? { requestBody: { content: BYTES } } : {}),
    responses: { ...success, default: { description: "Refused", content: json(RefusalView) } },
  };
}

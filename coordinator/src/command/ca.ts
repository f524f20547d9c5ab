import { SiteName } from "@consilium/shared/units/identity";
import type { Command } from "commander";
import { SiteToken } from "../http/shownOnce.ts";
import { SiteList } from "../http/views.ts";
import { Client, type ClientOptions, withClientOptions } from "./client.ts";
import { hint, print, table } from "./output.ts";

export function registerCa(program: Command): void {
  const ca = program.command("ca").description("who belongs to the consortium");
  withClientOptions(
    ca
      .command("invite")
      .description("make a one-time token for a site, good for 24 hours")
      .argument("<site>", "its name: lower-case letters, digits, hyphens"),
  ).action(async (site: string, options: ClientOptions) => {
    const client = await Client.of(options);
    const invited = await client.post("/api/sites", { site }, SiteToken);
    print(options.json, invited, invited.token);
    if (options.json !== true)
      hint(`next, at ${site}: consilium-site join TOKEN; then compare its ten words by telephone`);
  });
  withClientOptions(
    ca.command("revoke").description("end a site's membership and cut its link at once").argument("<site>"),
  ).action(async (site: string, options: ClientOptions) => {
    const client = await Client.of(options);
    const list = await client.post(`/api/sites/${encodeURIComponent(SiteName.parse(site))}/revoke`, {}, SiteList);
    print(options.json, list, `${site} is revoked`);
  });
  withClientOptions(ca.command("list").description("all sites, with the words to compare")).action(
    async (options: ClientOptions) => {
      const list = await (await Client.of(options)).get("/api/sites", SiteList);
      const rows = list.sites.map((site) => [
        site.name,
        site.standing,
        site.connected ? "connected" : "away",
        site.certificateEndsAt ?? "",
        site.fingerprint,
      ]);
      print(options.json, list, table(["site", "standing", "link", "certificate ends", "words of its keys"], rows));
    },
  );
}

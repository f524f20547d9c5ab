import { Failure, unreachable } from "@consilium/shared/failure/failure";
import type { StewardName } from "@consilium/shared/ledger/entry";
import type { LedgerState, StewardRequest } from "@consilium/shared/ledger/state";
import type { Digest, SiteName } from "@consilium/shared/units/identity";
import type { SiteLedger } from "../ledger/store.ts";
import type { Records } from "../storage/records.ts";
import type { Effect } from "./effect.ts";
import { askedAlready, stewardKnown } from "./notANewcomer.ts";
import type { KnownSteward, StewardAction } from "./statement.ts";

interface Options {
  readonly site: SiteName;
  readonly records: Records;
  readonly ledger: Pick<SiteLedger, "state">;
}

type StewardChange = Extract<StewardAction, { action: "add-steward" | "ask-steward" | "settle-steward" }>;

/**
 * Who else may decide here. The first steward lets the second one in; from then on it takes two of them, or one person
 * could invent whoever grants what that person asks for.
 */
export function stewardEffect(
  { site, records, ledger }: Options,
  decision: StewardChange,
  { by, statement }: { readonly by: StewardName; readonly statement: Digest },
): Effect {
  const nothing = (): void => {};
  switch (decision.action) {
    case "add-steward": {
      const { name: steward, publicKey } = decision;
      return {
        bodies: [{ kind: "steward-added", site, steward, publicKey, by, statement }],
        check: () => requireSecond(records.stewards(), { name: steward, publicKey }),
        also: () => records.addSteward({ name: steward, publicKey }),
      };
    }
    case "ask-steward": {
      const { name: steward, publicKey, reason } = decision;
      return {
        bodies: [{ kind: "steward-asked", site, steward, publicKey, by, reason, statement }],
        check: (state) => requireNewcomer(state, records.stewards(), { name: steward, publicKey }),
        also: nothing,
      };
    }
    case "settle-steward": {
      const { request, isGranted, reason } = decision;
      const { steward, publicKey } = openNewcomer(ledger.state, request).asked;
      const settled = { kind: "steward-settled" as const, site, request, isGranted, by, reason, statement };
      if (!isGranted) return { bodies: [settled], check: nothing, also: nothing };
      return {
        bodies: [settled, { kind: "steward-added", site, steward, publicKey, by, statement }],
        check: nothing,
        also: () => records.addSteward({ name: steward, publicKey }),
      };
    }
    default:
      return unreachable(decision);
  }
}

function requireSecond(stewards: readonly KnownSteward[], newcomer: KnownSteward): void {
  requireStranger(stewards, newcomer);
  if (stewards.length === 1) return;
  throw new Failure({
    code: "steward/add-takes-two",
    kind: "refused",
    what: "This site has more than one steward: who else decides here, one of them asks for and another grants.",
    remedy: "Ask for it: consilium-site steward add NAME --reason WHY",
  });
}

/** Somebody new, whom two stewards may let in, and who is not asked for already. */
function requireNewcomer(state: LedgerState, stewards: readonly KnownSteward[], newcomer: KnownSteward): void {
  const { name, publicKey } = newcomer;
  requireStranger(stewards, newcomer);
  const waiting = [...state.newcomers.values()].filter(({ settled }) => settled === null);
  // Nor by another name: who refuses that one would take the key away from this.
  if (waiting.some(({ asked }) => asked.steward === name || asked.publicKey === publicKey)) throw askedAlready(name);
  if (stewards.length === 1) throw noSecond(name);
}

function requireStranger(stewards: readonly KnownSteward[], { name, publicKey }: KnownSteward): void {
  if (stewards.some((one) => one.name === name || one.publicKey === publicKey)) throw stewardKnown(name);
}

/** Whom a steward asked for, where that still waits. */
function openNewcomer(state: LedgerState, request: Digest): StewardRequest {
  const found = state.newcomers.get(request);
  if (found !== undefined && found.settled === null) return found;
  throw new Failure({
    code: "steward/request-unknown",
    kind: "refused",
    what: found === undefined ? "Nobody asked for such a steward." : "That was settled already.",
    remedy: "See who waits: consilium-site steward list",
  });
}

function noSecond(name: string): Failure {
  return new Failure({
    code: "steward/no-second",
    kind: "refused",
    what: "This site has one steward, who lets the second one in alone.",
    remedy: `consilium-site steward add "${name}"`,
  });
}

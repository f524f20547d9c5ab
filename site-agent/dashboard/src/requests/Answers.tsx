import { deltaText, epsilonText } from "@consilium/page/figures/format";
import { NumberInput, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import type { RequestView } from "../../../src/http/views.ts";
import { useSession } from "../live/queries.ts";
import { Confirm } from "../shell/Confirm.tsx";

type Quote = RequestView["quotes"][number];

/** Exactly the document that was proposed, on one data set; the first steward alone, whose key the consortium knows. */
export function Approve({ request, quote }: { readonly request: RequestView; readonly quote: Quote }) {
  const { dataset, before, after, refusal } = quote;
  const { name, digest } = request.study;
  const steward = useSession().data?.steward;
  const [typed, setTyped] = useState("");
  if (after === null) return null;
  const isOnSanitized = request.noiseMultiplier === null;
  const sanitized = isOnSanitized ? { sanitized: typed.trim() } : {};
  return (
    <Confirm
      title={`Approve ${name} on ${dataset}`}
      label="Approve"
      isDisabled={refusal !== null}
      who={steward === undefined ? [] : [steward]}
      isReady={!isOnSanitized || typed.trim() !== ""}
      decision={({ password }) => ({ action: "approve", study: name, dataset, digest, after, ...sanitized, password })}
    >
      <Figures quote={quote} />
      {isOnSanitized && (
        <TextInput
          label="Sanitized file"
          description="Path on this machine, as consilium-site sanitize wrote it from this data set"
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
      )}
      <Text size="sm">
        Exactly the document <span className="hash">{digest}</span>. Patients are read and prepared before it is signed;
        that may take a while.
      </Text>
      <Text size="sm" c="dimmed">
        ε now {before === null ? "unknown" : epsilonText(before)}; you can withdraw an approval at any time, what was
        spent stays spent.
      </Text>
    </Confirm>
  );
}

/** The figures that are decided on; the same where they are confirmed. */
export function Figures({ quote: { before, after, cap } }: { readonly quote: Quote }) {
  if (cap === null || before === null || after === null)
    return <Text size="sm">No cap is set, so nothing may be charged to it.</Text>;
  return (
    <Text className="figure">
      ε <b>{epsilonText(before)}</b> now, <b>{epsilonText(after)}</b> with all of this study, of a cap of{" "}
      <b>{epsilonText(cap.epsilon)}</b> at δ = {deltaText(cap.delta)}, for the patients that pay most.
    </Text>
  );
}

/** A refusal of this version that names the ε of one that would be granted. */
export function CounterOffer({ request, quote }: { readonly request: RequestView; readonly quote: Quote }) {
  const { name, digest, epsilon: asked, delta } = request.study;
  const { dataset } = quote;
  const [typed, setTyped] = useState<number | string>("");
  const epsilon = Number(typed);
  return (
    <Confirm
      title={`Counter-offer to ${name} on ${dataset}`}
      label="Counter-offer"
      decides="Offer it"
      isDangerous
      asksReason
      isReady={epsilon > 0 && Number.isFinite(epsilon)}
      decision={({ as, password, reason }) => ({
        action: "counter-offer",
        ...{ study: name, digest, dataset, epsilon, reason, as, password },
      })}
    >
      <Figures quote={quote} />
      <NumberInput
        label="ε of the whole study that you would grant"
        description={`At the study's own δ = ${deltaText(delta)}; policy and caps must let it through as they stand.`}
        value={typed}
        onChange={setTyped}
        min={0}
        step={0.1}
      />
      <Text>
        {name} asks ε ≤ {epsilonText(asked)}
        {epsilon > 0 && (
          <>
            ; you refuse this version of it and offer <b>ε = {epsilon}</b>
          </>
        )}
        . Offer and reason are told to the lead, who may propose a revised study.
      </Text>
    </Confirm>
  );
}

/** The approval stays; the site declines the study's rounds while it is frozen. */
export function FreezeStudy({ request: { study } }: { readonly request: RequestView }) {
  const { name, digest, frozen, dataset, epsilon, delta } = study;
  return (
    <Confirm
      title={frozen ? `Unfreeze ${name}` : `Freeze ${name}`}
      label={frozen ? "Unfreeze" : "Freeze"}
      isDangerous
      asksReason
      decision={({ as, password, reason }) => ({
        action: "freeze-study",
        ...{ study: name, digest, frozen: !frozen, reason, as, password },
      })}
    >
      <Text>
        {name}, approved on {dataset ?? "no data set"} for ε ≤ {epsilonText(epsilon)} at δ = {deltaText(delta)}:{" "}
        {frozen
          ? "this site takes part in it again, from the next round on."
          : "this site declines its rounds until it is unfrozen, and keeps its approval."}
      </Text>
    </Confirm>
  );
}

export function Refuse({ request: { study } }: { readonly request: RequestView }) {
  const { name, digest, epsilon, delta, state } = study;
  const isApproved = state === "approved";
  return (
    <Confirm
      title={isApproved ? `Withdraw the approval of ${name}` : `Refuse ${name}`}
      label={isApproved ? "Withdraw approval" : "Refuse"}
      isDangerous
      asksReason
      decision={({ as, password, reason }) => ({ action: "refuse", study: name, digest, reason, as, password })}
    >
      <Text>
        {name} asks ε ≤ {epsilonText(epsilon)} at δ = {deltaText(delta)} of each patient.{" "}
        {isApproved
          ? "This site declines its rounds from now on; what was spent stays spent."
          : "This site will take no part in this version of it."}
      </Text>
    </Confirm>
  );
}

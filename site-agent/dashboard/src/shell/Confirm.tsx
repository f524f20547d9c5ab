import { RefusalAlert } from "@consilium/page/shell/RefusalAlert";
import { Button, Group, Modal, PasswordInput, Select, Stack, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import type { DecisionAsked } from "../../../src/http/views.ts";
import { api } from "../live/api.ts";
import { useSession } from "../live/queries.ts";
import { useTell } from "./Outcome.tsx";

/** What a steward typed to decide. */
interface Typed {
  readonly as: string;
  readonly password: string;
  readonly reason: string;
}

interface ConfirmProps {
  readonly title: string;
  /** Of the button that opens it. */
  readonly label: string;
  /** Of the button that decides; as `label` where nothing else is said. */
  readonly decides?: string;
  readonly isDangerous?: boolean;
  readonly asksReason?: boolean;
  readonly isDisabled?: boolean;
  /** Whether what stands in the dialog's own fields can be decided. */
  readonly isReady?: boolean;
  /** Who may decide this; all stewards where nobody is named. */
  readonly who?: readonly string[];
  /** The figures that are decided on, once more. */
  readonly children: ReactNode;
  readonly decision: (typed: Typed) => DecisionAsked;
}

/** A decision of a steward: a button, then what it means with its figures, then the password; what was done stays. */
export function Confirm(props: ConfirmProps) {
  const { title, label, isDangerous = false, isDisabled = false } = props;
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button
        variant={isDangerous ? "default" : "filled"}
        size="sm"
        disabled={isDisabled}
        onClick={() => setOpen(true)}
        aria-haspopup="dialog"
      >
        {label}
      </Button>
      <Modal opened={isOpen} onClose={() => setOpen(false)} title={title} size="lg" closeButtonProps={CLOSE}>
        {isOpen && <Form {...props} onClose={() => setOpen(false)} />}
      </Modal>
    </>
  );
}

const CLOSE = { "aria-label": "Close" };

function Form({ onClose, ...props }: ConfirmProps & { readonly onClose: () => void }) {
  const { label, decides = label, asksReason = false, isReady = true, who, children, decision } = props;
  const stewards = useSession().data?.stewards ?? [];
  const names = who ?? stewards;
  const [chosen, choose] = useState<string | null>(null);
  const as = chosen ?? names[0] ?? "";
  const [password, setPassword] = useState("");
  const [reason, setReason] = useState("");
  const queries = useQueryClient();
  const tell = useTell();
  const { mutate, error, isPending } = useMutation({
    mutationFn: () => api.decide(decision({ as, password, reason })),
    onSuccess: (said) => {
      onClose();
      tell(said);
    },
    onSettled: () => {
      setPassword("");
      return queries.invalidateQueries();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isReady) mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        {children}
        {asksReason && <Reason value={reason} onChange={setReason} />}
        {names.length > 1 && (
          <Select label="Who decides" data={[...names]} value={as} onChange={choose} allowDeselect={false} />
        )}
        <PasswordInput
          label="The steward's password"
          description={`${as}'s own, for this one decision; it is kept nowhere.`}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          autoComplete="off"
          required
          data-autofocus
        />
        {error !== null && <RefusalAlert error={error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={isPending} disabled={!isReady}>
            {decides}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Reason({ value, onChange }: { readonly value: string; readonly onChange: (reason: string) => void }) {
  return (
    <Textarea
      label="Reason"
      description="Kept with the decision; what is said of a study is told to the coordinator."
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      maxLength={500}
      required
      data-autofocus
      autosize
      minRows={2}
    />
  );
}

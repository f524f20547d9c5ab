import { RefusalAlert } from "@consilium/page/shell/RefusalAlert";
import { Button, Group, Modal, PasswordInput, Stack, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import type { DecisionAsked } from "../../../src/http/views.ts";
import { api } from "../live/api.ts";
import { useTell } from "./Outcome.tsx";

interface ConfirmProps {
  readonly title: string;
  readonly label: string;
  readonly isDangerous?: boolean;
  readonly asksReason?: boolean;
  readonly isDisabled?: boolean;
  /** The figures that are decided on, once more. */
  readonly children: ReactNode;
  readonly decision: (typed: { readonly password: string; readonly reason: string }) => DecisionAsked;
}

/** A decision of the steward: a button, then what it means with its figures, then the password; what was done stays. */
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

function Form({ label, asksReason = false, children, decision, onClose }: ConfirmProps & { onClose: () => void }) {
  const [password, setPassword] = useState("");
  const [reason, setReason] = useState("");
  const queries = useQueryClient();
  const tell = useTell();
  const { mutate, error, isPending } = useMutation({
    mutationFn: () => api.decide(decision({ password, reason })),
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
    mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        {children}
        {asksReason && (
          <Textarea
            label="Reason"
            description="Kept with the decision; a refused study's reason is told to the coordinator."
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
            required
            autosize
            minRows={2}
          />
        )}
        <PasswordInput
          label="The steward's password"
          description="For this one decision; it is kept nowhere."
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
          <Button type="submit" loading={isPending}>
            {label}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

import { Button, Group, Modal, Stack } from "@mantine/core";
import { createContext, type ReactNode, useContext, useState } from "react";
import type { Said } from "../../../src/http/views.ts";

const Tell = createContext<(said: Said) => void>(() => undefined);

/** Shows what came of a decision. */
export function useTell(): (said: Said) => void {
  return useContext(Tell);
}

/** Around all pages: what was decided may be gone from the page that it was decided on. */
export function Outcome({ children }: { readonly children: ReactNode }) {
  const [said, setSaid] = useState<Said | null>(null);
  return (
    <Tell value={setSaid}>
      {children}
      <Modal
        opened={said !== null}
        onClose={() => setSaid(null)}
        title="Done"
        size="lg"
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <Stack gap="md">
          {said !== null && <SaidLines said={said} />}
          <Group justify="flex-end">
            <Button onClick={() => setSaid(null)} data-autofocus>
              Close
            </Button>
          </Group>
        </Stack>
      </Modal>
    </Tell>
  );
}

/** What the command would have printed. */
export function SaidLines({ said }: { readonly said: Said }) {
  return (
    <section className="said" aria-label="What the command says">
      {said.lines.join("\n")}
    </section>
  );
}

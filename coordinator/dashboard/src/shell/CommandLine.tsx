import { ActionIcon, CopyButton, Tooltip } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import type { SessionView } from "../../../src/http/views.ts";
import { runnable } from "./command.ts";
import { Icon } from "./Icon.tsx";

/** A command with the data folder that this session knows of; nothing is asked for it. */
export function useRunnable(): (command: string) => string {
  const session = useQueryClient().getQueryData<SessionView>(["session"]);
  return (command) => runnable(command, session?.dataFolder ?? null);
}

/** The same thing at a terminal, to copy. */
export function CommandLine({ command }: { readonly command: string }) {
  const text = useRunnable()(command);
  return (
    <div className="command">
      <code>{text}</code>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? "Copied" : "Copy command"}>
            <ActionIcon variant="subtle" color="gray" onClick={copy} aria-label={`Copy command: ${text}`}>
              <Icon name={copied ? "check" : "copy"} size={16} />
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </div>
  );
}

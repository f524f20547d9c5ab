import { ActionIcon, CopyButton, Tooltip } from "@mantine/core";
import { Icon } from "./Icon.tsx";

/** The same thing at a terminal, to copy. */
export function CommandLine({ command }: { readonly command: string }) {
  return (
    <div className="command">
      <code>{command}</code>
      <CopyButton value={command}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? "Copied" : "Copy command"}>
            <ActionIcon variant="subtle" color="gray" onClick={copy} aria-label={`Copy command: ${command}`}>
              <Icon name={copied ? "check" : "copy"} size={16} />
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </div>
  );
}

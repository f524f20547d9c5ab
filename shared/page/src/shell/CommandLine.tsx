import { ActionIcon, CopyButton, Tooltip } from "@mantine/core";
import { Icon } from "./Icon.tsx";
import { useRunnable } from "./Surroundings.tsx";

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

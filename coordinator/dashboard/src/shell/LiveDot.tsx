import { agoText } from "@consilium/page/figures/format";
import { Group, Text } from "@mantine/core";
import { useEffect, useState } from "react";
import { useLive } from "../live/notices.ts";

/** Whether the page hears of changes as they happen, and when it last did. */
export function LiveDot() {
  const { open, heardAt } = useLive();
  const now = useNow(1000);
  const words = open && heardAt !== null ? `Live · last event ${agoText(heardAt, now)}` : "Not live · asking every 5 s";
  return (
    <Group gap={8} wrap="nowrap" role="status" aria-live="off">
      <span className="dot" data-beating={open} style={{ color: open ? "var(--good)" : "var(--warn)" }} />
      <Text size="sm" c="dimmed" className="figure" visibleFrom="sm">
        {words}
      </Text>
      <Text size="sm" c="dimmed" hiddenFrom="sm">
        {open ? "Live" : "Not live"}
      </Text>
    </Group>
  );
}

/** The reader's clock, in milliseconds since the epoch. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs]);
  return now;
}

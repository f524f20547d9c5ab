/** Line drawings on a 24 × 24 grid; decorative: whatever holds one bears the words. */
const PATHS = {
  overview: "M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 7h6V4h-6z",
  audit: "M12 3l7 3v6c0 4-3 7-7 9-4-2-7-5-7-9V6zM9 12l2 2 4-4",
  sites: "M4 20V8l8-4 8 4v12M9 20v-5h6v5M12 8v3M10.5 9.5h3",
  budget: "M4 20h16M6 16v-4M11 16V6M16 16v-7",
  requests: "M4 5h16v11H9l-5 4zM8 9h8M8 12h5",
  plan: "M4 20V4M4 20h16M7 16c4 0 4-9 12-9",
  download: "M12 4v11M8 11l4 4 4-4M5 20h14",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  check: "M5 12l5 5 9-10",
  cross: "M6 6l12 12M18 6L6 18",
  sun: "M12 8a4 4 0 100 8 4 4 0 000-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1 1M18 18l1 1M5 19l1-1M18 6l1-1",
  moon: "M20 14A8 8 0 0110 4a8 8 0 1010 10z",
  leave: "M14 4h5v16h-5M3 12h11M10 8l4 4-4 4",
  alert: "M12 4L2.5 20h19zM12 10v4M12 17v.5",
} as const;

export function Icon({ name, size = 18 }: { readonly name: keyof typeof PATHS; readonly size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      // Beside a long text it would shrink to a dot.
      style={{ flexShrink: 0 }}
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

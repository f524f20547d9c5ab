import { useEffect } from "react";

/** What the browser's tab and history call the page. */
export function usePageTitle(title: string | null): void {
  useEffect(() => {
    if (title !== null) document.title = `${title} – Consilium`;
  }, [title]);
}

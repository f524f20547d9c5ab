import "@mantine/core/styles.css";
import "../style.css";
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Refused } from "../live/ask.ts";
import { theme, variables } from "../theme.ts";

/** Puts a page into its document, with what all of its parts rely on. */
export function showPage(page: ReactNode): void {
  const queries = new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 1000,
        refetchOnWindowFocus: true,
        // A refusal says the same however often one asks.
        retry: (failures, error) => !(error instanceof Refused) && failures < 3,
      },
    },
  });
  const root = document.getElementById("root");
  if (root === null) return;
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
        <QueryClientProvider client={queries}>{page}</QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
}

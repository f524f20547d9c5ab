import "@mantine/core/styles.css";
import "@consilium/page/style.css";
import { Refused } from "@consilium/page/live/ask";
import { theme, variables } from "@consilium/page/theme";
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Pages } from "./shell/Pages.tsx";

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
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
        <QueryClientProvider client={queries}>
          <Pages />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
}

import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from "@mantine/core";

/** Deep teal; shade 7 on white and shade 3 on the dark background both pass WCAG AA for text. */
const lake: MantineColorsTuple = [
  "#e6f6f7",
  "#cfe9eb",
  "#a0d3d7",
  "#6ebcc2",
  "#43a5ad",
  "#22909a",
  "#127f89",
  "#0b6e75",
  "#075a60",
  "#03464b",
];

export const theme = createTheme({
  primaryColor: "lake",
  primaryShade: { light: 7, dark: 7 },
  colors: { lake },
  fontFamily: "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', Arial, sans-serif",
  fontFamilyMonospace: "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace",
  defaultRadius: "md",
  headings: { fontWeight: "650" },
  components: {
    Card: { defaultProps: { withBorder: true, padding: "lg", radius: "lg" } },
    Table: { defaultProps: { verticalSpacing: "xs", fz: "sm" } },
  },
});

/** Colours of states and plots, and greys darker than the library's own, which miss WCAG AA. */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-body": "#f6f8f9",
    "--mantine-color-dimmed": "#4d5a63",
    "--mantine-color-anchor": "#0b6e75",
    "--surface": "#ffffff",
    "--rule": "#dde3e7",
    "--good": "#1b6e3c",
    "--good-tint": "#e3f4e9",
    "--warn": "#8a5300",
    "--warn-tint": "#fdf0d9",
    "--bad": "#b3261e",
    "--bad-tint": "#fce8e6",
    "--calm": "#35536b",
    "--calm-tint": "#e7eef4",
    "--series-1": "#0b6e75",
    "--series-2": "#8b4fc3",
    "--bar": "#178a93",
    "--bar-track": "#e7edf0",
    "--ink": "#17222a",
  },
  dark: {
    "--mantine-color-body": "#10171c",
    "--mantine-color-dimmed": "#a9b6be",
    "--mantine-color-anchor": "#6ebcc2",
    "--surface": "#182127",
    "--rule": "#2c3942",
    "--good": "#7fd8a0",
    "--good-tint": "#163524",
    "--warn": "#f3c067",
    "--warn-tint": "#3a2c10",
    "--bad": "#ff9d94",
    "--bad-tint": "#421c19",
    "--calm": "#a9c8e0",
    "--calm-tint": "#20313e",
    "--series-1": "#5cc4cc",
    "--series-2": "#c79bf0",
    "--bar": "#36a3ad",
    "--bar-track": "#26323a",
    "--ink": "#e8eef1",
  },
});

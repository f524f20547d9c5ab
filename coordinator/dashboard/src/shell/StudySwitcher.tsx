import { Select } from "@mantine/core";
import { useLocation } from "wouter";
import { useStudies } from "../live/queries.ts";
import { useCurrentStudy } from "./currentStudy.ts";

/** Chooses the study that Overview and Audit speak of. */
export function StudySwitcher() {
  const { data } = useStudies();
  const current = useCurrentStudy();
  const [location, go] = useLocation();
  if (data === undefined || data.studies.length === 0) return null;
  const page = location.endsWith("/audit") ? "/audit" : "";
  return (
    <Select
      aria-label="Study"
      data={data.studies.map(({ name }) => name)}
      value={current}
      onChange={(name) => name !== null && go(`/studies/${name}${page}`)}
      allowDeselect={false}
      w={{ base: 140, sm: 210 }}
      comboboxProps={{ shadow: "md" }}
    />
  );
}

import { Group, SegmentedControl, Select, Stack, Text } from "@mantine/core";

/** A data set that may be looked at. */
export interface DatasetChoice {
  readonly value: string;
  readonly label: string;
}

interface SpendingFiltersProps {
  readonly datasets: readonly DatasetChoice[];
  readonly dataset: string;
  readonly onDataset: (value: string) => void;
  /** Shown now; the part that pays most where nobody chose. */
  readonly part: string | undefined;
  readonly onPart: (value: string) => void;
  readonly studies: readonly string[];
  /** Null: all. */
  readonly study: string | null;
  readonly onStudy: (value: string | null) => void;
}

const PARTS = [
  { value: "train", label: "Training" },
  { value: "validation", label: "Validation" },
  { value: "audit", label: "Audit" },
  { value: "reference", label: "Reference" },
];

/** Which budget the pictures are of: a data set, a part of its patients, all studies or one. */
export function SpendingFilters(props: SpendingFiltersProps) {
  const { datasets, dataset, onDataset, part, onPart, studies, study, onStudy } = props;
  return (
    <Group align="flex-end" gap="md">
      <Select
        label="Data set"
        data={[...datasets]}
        value={dataset}
        onChange={(value) => value !== null && onDataset(value)}
        allowDeselect={false}
        searchable={datasets.length > 8}
        w={{ base: "100%", xs: 280 }}
      />
      <Stack gap={4}>
        <Text size="sm" fw={500} id="part-label">
          Patients
        </Text>
        <SegmentedControl data={PARTS} value={part ?? ""} onChange={onPart} aria-labelledby="part-label" />
      </Stack>
      <Select
        label="Charges of"
        data={[{ value: "", label: "all studies" }, ...studies]}
        value={study ?? ""}
        onChange={(value) => onStudy(value === null || value === "" ? null : value)}
        allowDeselect={false}
        w={{ base: "100%", xs: 220 }}
      />
    </Group>
  );
}

/** "training patients", as the pictures name them. */
export function partText(part: "train" | "validation" | "audit" | "reference"): string {
  return {
    train: "training patients",
    validation: "validation patients",
    audit: "audit hold-out",
    reference: "reference part",
  }[part];
}

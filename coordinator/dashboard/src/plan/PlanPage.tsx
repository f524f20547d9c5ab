import { PageHead } from "@consilium/page/shell/PageHead";
import { RefusalAlert } from "@consilium/page/shell/RefusalAlert";
import { Answer } from "@consilium/page/shell/States";
import { Anchor, Button, Card, Skeleton, Stack, Text, Textarea, Title } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { type RefObject, useRef, useState } from "react";
import type { PlanExample, PlanView } from "../../../src/http/plans.ts";
import type { PlanFault } from "../../../src/http/planWork.ts";
import { usePlan, usePlanExample } from "../live/queries.ts";
import { PlanFigures } from "./PlanFigures.tsx";
import { PlanPlot } from "./PlanPlot.tsx";

/** How long nobody typed before a plan is asked for. */
const PAUSE_MS = 700;

/** A study file as it is typed, and what the study would cost: nothing is proposed, nothing is charged. */
export function PlanPage() {
  const example = usePlanExample();
  return (
    <Stack gap="lg">
      <PageHead
        title="Plan"
        lead="Type or paste a study file: its cost is worked out as you type. Nothing is proposed, nothing is charged."
        command="consilium plan study.yaml"
      />
      <Answer query={example} height={480}>
        {(view) => <Editor example={view} />}
      </Answer>
    </Stack>
  );
}

function Editor({ example }: { readonly example: PlanExample }) {
  const [files, setFiles] = useState([{ path: STUDY_FILE, text: example.text }, ...example.files]);
  const [asked] = useDebouncedValue(files, PAUSE_MS);
  const [study, ...others] = asked;
  const answer = usePlan({ text: study?.text ?? "", files: others });
  const areas = useRef<HTMLDivElement>(null);
  const kept = useRef<PlanView>(undefined);
  if (answer.isSuccess && !answer.isPlaceholderData) kept.current = answer.data;
  const view = answer.data ?? kept.current;
  const isOld = view !== undefined && (answer.isPlaceholderData || answer.data === undefined);
  const isWorking = answer.isFetching;
  const write = (path: string, text: string) =>
    setFiles((before) => before.map((file) => (file.path === path ? { path, text } : file)));
  return (
    <>
      <Card component="section" aria-label="Study file">
        <Stack gap="md" ref={areas}>
          {files.map(({ path, text }, index) => (
            <Textarea
              key={path}
              label={path}
              value={text}
              onChange={(event) => write(path, event.currentTarget.value)}
              rows={index === 0 ? 18 : 8}
              spellCheck={false}
              wrap="off"
              styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: "0.8125rem" } }}
            />
          ))}
        </Stack>
      </Card>
      <Stack gap="lg" aria-live="polite" aria-busy={isWorking}>
        <Progress isWorking={isWorking} refusal={answer.failureReason} onAsk={() => void answer.refetch()} />
        {view === undefined && answer.error === null && <Skeleton height={300} radius="lg" aria-label="Loading" />}
        {view !== undefined && (
          <Stack gap="lg" className={isOld ? "stale" : ""}>
            {isOld && <Text size="sm">Below: of the text as it was before.</Text>}
            {view.faults.length > 0 && <Faults faults={view.faults} areas={areas} />}
            {view.plan !== null && (
              <>
                <PlanFigures plan={view.plan} />
                <PlanPlot plan={view.plan} />
              </>
            )}
          </Stack>
        )}
      </Stack>
    </>
  );
}

/** Shorter than this, nobody needs to be told. */
const SOON_MS = 500;

interface ProgressProps {
  readonly isWorking: boolean;
  /** Why the last attempt came to nothing; null where it did. */
  readonly refusal: Error | null;
  readonly onAsk: () => void;
}

/** A plan that takes long says so; one that was refused says why, and can be asked for again. */
function Progress({ isWorking, refusal, onAsk }: ProgressProps) {
  const [isLong] = useDebouncedValue(isWorking, SOON_MS);
  if (refusal !== null) {
    return (
      <Stack gap="sm" align="flex-start">
        <RefusalAlert error={refusal} />
        <Button variant="default" size="sm" onClick={onAsk} loading={isWorking}>
          Ask again
        </Button>
      </Stack>
    );
  }
  return isLong && isWorking ? (
    <Text size="sm" role="status">
      Working it out…
    </Text>
  ) : null;
}

const STUDY_FILE = "study.yaml";

interface FaultsProps {
  readonly faults: readonly PlanFault[];
  readonly areas: RefObject<HTMLDivElement | null>;
}

/** All that keeps the text from being a study; each leads to its line. */
function Faults({ faults, areas }: FaultsProps) {
  return (
    <Card component="section" aria-label="Faults">
      <Stack gap="sm">
        <Title order={2} size="h5">
          {faults.length === 1 ? "One thing to mend" : `${faults.length} things to mend`}
        </Title>
        {faults.map((fault) => (
          <Text size="sm" key={`${fault.file} ${fault.line} ${fault.column} ${fault.message}`}>
            <Anchor component="button" type="button" size="sm" onClick={() => goTo(areas.current, fault)}>
              {fault.file}, line {fault.line}
            </Anchor>{" "}
            <b>{fault.path}</b> {fault.message}. {fault.remedy}
          </Text>
        ))}
      </Stack>
    </Card>
  );
}

/** Puts the cursor on the fault's line: the study's own text is the first, a file's comes after it. */
function goTo(areas: HTMLDivElement | null, { file, line }: PlanFault): void {
  const all = [...(areas?.querySelectorAll("textarea") ?? [])];
  const area = file === STUDY_FILE ? all[0] : all[1];
  if (area === undefined) return;
  const lines = area.value.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
  area.focus();
  area.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
}

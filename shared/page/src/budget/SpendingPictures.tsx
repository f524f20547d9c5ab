import { Card, Grid, Stack, Text, Title } from "@mantine/core";
import { ChargeFall } from "./ChargeFall.tsx";
import { EpsilonPlot, type EpsilonPlotProps } from "./EpsilonPlot.tsx";
import { SpentTable } from "./SpentTable.tsx";

/** How one budget came to be what it is: over time, by what raised it, in figures. */
export function SpendingPictures(props: EpsilonPlotProps) {
  const { history, whose, file, cap } = props;
  if (history.charges === 0) return <Text c="dimmed">Nothing was charged here yet: {whose}.</Text>;
  return (
    <Grid gap="lg">
      <Grid.Col span={{ base: 12, lg: 7 }}>
        <EpsilonPlot {...props} />
      </Grid.Col>
      <Grid.Col span={{ base: 12, lg: 5 }}>
        <ChargeFall whose={whose} file={file} history={history} cap={cap} />
      </Grid.Col>
      <Grid.Col span={12}>
        <Card component="section" aria-label="What was charged">
          <Stack gap="sm">
            <Title order={3} size="h5">
              What was charged
            </Title>
            <SpentTable history={history} />
          </Stack>
        </Card>
      </Grid.Col>
    </Grid>
  );
}

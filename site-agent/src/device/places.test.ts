import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { gpuModels, type Machine, placesOf } from "./places.ts";

const processor: Machine = { cores: 8, gpus: [], backend: "tensorflow", poolBytes: 8000 };
const visible = (machine: Machine, workers: "auto" | number) =>
  placesOf(workers, machine).map(({ environment }) => environment.CUDA_VISIBLE_DEVICES);

describe("[ENG33] workers compute alike: GPUs of one model, or equal shares of the processor", () => {
  test("auto: one for each of several GPUs, none otherwise", () => {
    expect(placesOf("auto", processor)).toEqual([]);
    expect(placesOf("auto", { ...processor, gpus: ["A100"] })).toEqual([]);
    expect(visible({ ...processor, gpus: ["A100", "A100", "A100"] }, "auto")).toEqual(["0", "1", "2"]);
  });

  test("a GPU of another model is left out; more workers than GPUs there are not", () => {
    const gpus = ["A100", "T4", "A100"];
    expect(visible({ ...processor, gpus }, "auto")).toEqual(["0", "2"]);
    expect(visible({ ...processor, gpus }, 9)).toEqual(["0", "2"]);
    expect(visible({ ...processor, gpus }, 1)).toEqual(["0"]);
    expect(placesOf(0, { ...processor, gpus })).toEqual([]);
  });

  test("without GPUs cores and memory are shared", () => {
    const places = placesOf(3, processor);
    expect(places.map(({ device }) => device)).toEqual(["CPU 0", "CPU 1", "CPU 2"]);
    for (const { backend, environment } of places) {
      expect(backend).toBe("tensorflow");
      expect(environment).toEqual({ TF_NUM_INTRAOP_THREADS: "2", TF_MKL_ALLOC_MAX_BYTES: "2666" });
    }
    expect(placesOf(20, { ...processor, poolBytes: null })[19]?.environment).toEqual({ TF_NUM_INTRAOP_THREADS: "1" });
  });

  test("GPUs are read from the driver, by their place on the bus", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "consilium-gpus-"));
    try {
      for (const [bus, model] of [
        ["0000:41:00.0", "NVIDIA T4"],
        ["0000:01:00.0", "NVIDIA A100"],
      ] as const) {
        mkdirSync(path.join(folder, bus));
        writeFileSync(path.join(folder, bus, "information"), `Model: \t\t ${model}\nIRQ:   \t\t 1\n`);
      }
      expect(gpuModels(folder)).toEqual(["NVIDIA A100", "NVIDIA T4"]);
      expect(gpuModels(path.join(folder, "absent"))).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

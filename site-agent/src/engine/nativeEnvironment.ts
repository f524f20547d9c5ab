import { totalmem } from "node:os";

/** Of the memory that this process may have, for libtensorflow's tensors; the rest is records, sums and the agent. */
const POOL_SHARE = 0.5;

/**
 * What a process that loads libtensorflow must start with. Its large results would each cost an mmap and its page
 * faults, more than their arithmetic: oneDNN's kernels come with a pool that hands freed tensors out again. The pool
 * gives nothing back, so it is bounded: an operation above the bound fails, where a machine without memory would
 * end whatever process it likes. TF32 would round float32 products to 10 bits, behind the norms' proven bound.
 */
export const NATIVE_ENVIRONMENT: Readonly<Record<string, string>> = {
  TF_ENABLE_ONEDNN_OPTS: "1",
  TF_MKL_ALLOC_MAX_BYTES: String(poolBytesMax(totalmem(), process.constrainedMemory())),
  TF_CPP_MIN_LOG_LEVEL: "2",
  NVIDIA_TF32_OVERRIDE: "0",
};

/** `constrained`: a control group's limit; 0, undefined or more than there is where none was set. */
export function poolBytesMax(total: number, constrained: number | undefined): number {
  const limit = constrained === undefined || constrained <= 0 ? total : Math.min(total, constrained);
  return Math.floor(limit * POOL_SHARE);
}

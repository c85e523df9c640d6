/**
 * What the kernel itself holds.
 *
 *   /proc/meminfo → [kernel-memory] → bytes
 *
 * Invariant: only memory that no process owns is counted: slabs that cannot be reclaimed (large allocations are among them),
 * vmalloc and per-CPU areas. It is the whole machine's, so that others' work is in a difference: the median of several is taken.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { addNamespaces, type NamespaceName, runBatch } from '../kernel/sandbox.ts';
import { summarize } from '../statistics.ts';

const counted = /^(SUnreclaim|VmallocUsed|Percpu):\s+(\d+) kB/gm;

function kernelBytes(): number {
  const text = readFileSync('/proc/meminfo', 'utf8');
  return [...text.matchAll(counted)].reduce((sum, [, , kib]) => sum + Number(kib) * 1024, 0);
}

/** How long the kernel may take to free what a deleted namespace held, which it does later and elsewhere. */
const settleMs = 1_500;

/** Median of what the kernel holds more after `load` than before it, each time in a new namespace. */
export async function measureKernel(
  name: string,
  rounds: number,
  load: (namespace: NamespaceName) => void,
  prepare: (namespace: NamespaceName) => void = () => {},
): Promise<number> {
  const grown: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const namespace = `${name}${round}`;
    addNamespaces([namespace]);
    prepare(namespace);
    await pause(settleMs);
    const before = kernelBytes();
    load(namespace);
    grown.push(kernelBytes() - before);
    runBatch(undefined, [`netns delete ${namespace}`]);
  }
  return summarize(grown).median;
}

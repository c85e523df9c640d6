/**
 * How long a whole policy takes from resources to the kernel.
 *
 *   HubSize → resources ─snapshot─ intent ─ruleset─ text ─kernel→ [compile-part] → CompileReport
 */
import { openPacketFilter } from '../../src/edge/nft.ts';
import { compileRuleset } from '../../src/nftables/compile.ts';
import { diffRulesets } from '../../src/nftables/diff.ts';
import { printRuleset } from '../../src/nftables/print.ts';
import type { Ruleset } from '../../src/nftables/ruleset.ts';
import { makeSnapshot } from '../../src/resources/snapshot.ts';
import { enterNamespace } from '../kernel/libc.ts';
import { addNamespaces, namespacePath } from '../kernel/sandbox.ts';
import { observeMemory } from '../memory.ts';
import type { BenchOptions } from '../options.ts';
import { resolveRouter } from '../pipeline.ts';
import { describePolicy } from '../policy-resources.ts';
import type { Progress } from '../progress.ts';
import { type CompileReport, type CompileStage, compileStages } from '../report.ts';
import { summarize } from '../statistics.ts';
import { hubInterfaces, hubRules, hubSizes, hubWorkloads } from './hub.ts';

const rounds = { quick: 2, whole: 3 } as const;

export async function measureCompilePart(options: BenchOptions, progress: Progress): Promise<CompileReport> {
  const extent = options.isQuick ? 'quick' : 'whole';
  const size = hubSizes[extent];
  const resources = describePolicy(hubRules(size), hubWorkloads(size), hubInterfaces(size));
  const samples: Record<CompileStage, number[]> = { snapshot: [], intent: [], ruleset: [], text: [], kernel: [] };
  let first: Pick<CompileReport, 'memory' | 'textMiB' | 'sets'> | undefined;
  for (let round = 0; round < rounds[extent]; round++) {
    progress.show('compile: from resources to the kernel', round, rounds[extent]);
    const lap = startLaps(samples);
    const snapshot = makeSnapshot(resources);
    lap('snapshot');
    const intent = resolveRouter(snapshot);
    lap('intent');
    const ruleset = compileRuleset(intent.policy);
    lap('ruleset');
    const text = printRuleset(ruleset);
    lap('text');
    first ??= { memory: observeMemory(), textMiB: text.length / 2 ** 20, sets: ruleset.sets.size };
    await loadIntoNewNamespace(`hub-${round}`, ruleset, lap);
  }
  const stages = Object.fromEntries(compileStages.map((stage) => [stage, summarize(samples[stage])]));
  if (first === undefined) throw new RangeError('no rounds');
  return { size, rounds: rounds[extent], stages: stages as CompileReport['stages'], ...first };
}

async function loadIntoNewNamespace(name: string, ruleset: Ruleset, lap: (stage: CompileStage) => void): Promise<void> {
  addNamespaces([name]);
  enterNamespace(namespacePath(name));
  lap('kernel'); // starts the clock anew: making a namespace is no part of loading
  const filter = openPacketFilter();
  const applied = await filter.apply(diffRulesets(undefined, ruleset));
  lap('kernel');
  filter.close();
  if (!applied.ok) throw new Error(applied.error.message);
}

/** Milliseconds since the lap before; a second lap of one stage in a round replaces the first. */
function startLaps(samples: Record<CompileStage, number[]>): (stage: CompileStage) => void {
  const before = Object.fromEntries(compileStages.map((stage) => [stage, samples[stage].length]));
  let last = performance.now();
  return (stage) => {
    const now = performance.now();
    samples[stage].length = before[stage] ?? 0;
    samples[stage].push(now - last);
    last = now;
  };
}

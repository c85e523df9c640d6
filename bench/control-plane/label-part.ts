/**
 * How long the label of one address takes from the changed resource to the kernel.
 *
 *   changed WorkloadEndpoint ─[IntentResolver]→ set deltas ─[moveMembers]→ Ruleset ─[diff]→ kernel     as the agent does it
 *                                             └→ policy ─[compileRuleset]→ Ruleset ─[diff]→ kernel     the whole way round
 *
 * Invariant: afterwards the kernel holds what compiling the changed resources from nothing gives.
 */
import { openPacketFilter } from '../../src/edge/nft.ts';
import { createTableReader } from '../../src/edge/table-reader.ts';
import { IntentResolver, type IntentUpdate } from '../../src/intent/intent-resolver.ts';
import { compileRuleset } from '../../src/nftables/compile.ts';
import { diffRulesets, isEmptyChange, type RulesetChange } from '../../src/nftables/diff.ts';
import { verifyTable } from '../../src/nftables/expected-table.ts';
import { moveMembers } from '../../src/nftables/move-members.ts';
import type { PacketFilter } from '../../src/nftables/packet-filter.ts';
import type { Ruleset } from '../../src/nftables/ruleset.ts';
import { type AnyResource, resourceId } from '../../src/resources/resource.ts';
import { makeSnapshot, type Snapshot } from '../../src/resources/snapshot.ts';
import { enterNamespace } from '../kernel/libc.ts';
import { addNamespaces, namespacePath } from '../kernel/sandbox.ts';
import { observeMemory } from '../memory.ts';
import type { BenchOptions } from '../options.ts';
import { resolveRouter } from '../pipeline.ts';
import { describePolicy, describeWorkload, routerName } from '../policy-resources.ts';
import type { Progress } from '../progress.ts';
import { type LabelPathReport, type LabelReport, type LabelStep, labelSteps, type StepTimes } from '../report.ts';
import { percentile, summarize } from '../statistics.ts';
import { appName, type HubSize, hubAddress, hubRules, hubSizes, hubWorkloads } from './hub.ts';

const changes = { quick: { members: 100, whole: 10 }, whole: { members: 200, whole: 5 } } as const;

/** The router under change, and what the kernel was last told. */
interface Hub {
  readonly size: HubSize;
  readonly resources: Map<string, AnyResource>;
  readonly apps: number[];
  readonly resolver: IntentResolver;
  held: Ruleset;
}

/** Of the namespace that the part has entered; kept open, as the agent does. */
let filter: PacketFilter | undefined;

type Path = 'members' | 'whole';
type Samples = Record<LabelStep, number[]>;

export async function measureLabelPart(options: BenchOptions, progress: Progress): Promise<LabelReport> {
  const extent = options.isQuick ? 'quick' : 'whole';
  addNamespaces(['label']);
  enterNamespace(namespacePath('label'));
  progress.show('label: loading the policy', 0, 1);
  const hub = await loadHub(hubSizes[extent]);
  const measure = (path: Path) =>
    measureChanges(hub, path, changes[extent][path], (done, total) =>
      progress.show(`label: one change at a time, ${path}`, done, total),
    );
  const whole = await measure('whole');
  const members = await measure('members');
  const memory = observeMemory();
  await verifyKernel(hub);
  return { size: hub.size, members, whole, memory };
}

async function loadHub(size: HubSize): Promise<Hub> {
  const workloads = hubWorkloads(size);
  const list = describePolicy(hubRules(size), workloads);
  const resources = new Map(list.map((resource) => [resourceId(resource), resource]));
  const resolver = new IntentResolver(routerName);
  const { intent } = updateIntent(resolver, makeSnapshot(resources.values()));
  const held = compileRuleset(intent.policy);
  await apply(diffRulesets(undefined, held));
  const apps = workloads.map((_, index) => Math.floor(index / size.addressesPerApp));
  return { size, resources, apps, resolver, held };
}

async function measureChanges(
  hub: Hub,
  path: Path,
  count: number,
  onProgress: (done: number, total: number) => void,
): Promise<LabelPathReport> {
  const samples: Samples = { snapshot: [], intent: [], ruleset: [], kernel: [] };
  const totals: number[] = [];
  for (let change = 0; change < count; change++) {
    relabel(hub, change);
    totals.push(await timeChange(hub, path, samples));
    onProgress(change + 1, count);
  }
  const steps = Object.fromEntries(labelSteps.map((step) => [step, times(samples[step])])) as LabelPathReport['steps'];
  return { changes: count, total: times(totals), steps };
}

/** Gives one address another application's label; which ones is the same in every run. */
function relabel({ size, resources, apps }: Hub, change: number): void {
  const index = (change * 7919) % apps.length;
  const app = ((apps[index] ?? 0) + 1 + (change % 5)) % size.policies;
  apps[index] = app;
  const resource = describeWorkload({ address: hubAddress(index), app: appName(app) });
  resources.set(resourceId(resource), resource);
}

async function timeChange(hub: Hub, path: Path, samples: Samples): Promise<number> {
  const start = performance.now();
  let last = start;
  const lap = (step: LabelStep) => {
    const now = performance.now();
    samples[step].push(now - last);
    last = now;
  };
  const snapshot = makeSnapshot(hub.resources.values());
  lap('snapshot');
  const update = updateIntent(hub.resolver, snapshot);
  lap('intent');
  const { change, next } = path === 'whole' ? compileWhole(hub.held, update) : moveOnly(hub.held, update);
  lap('ruleset');
  await apply(change);
  lap('kernel');
  hub.held = next;
  return last - start;
}

interface Step {
  readonly change: RulesetChange;
  readonly next: Ruleset;
}

function compileWhole(held: Ruleset, { intent }: IntentUpdate): Step {
  const next = compileRuleset(intent.policy);
  return { change: diffRulesets(held, next), next };
}

function moveOnly(held: Ruleset, { intent, deltas, rulesChanged }: IntentUpdate): Step {
  if (rulesChanged) throw new Error('a label change made the rules be resolved anew');
  const next = moveMembers(held, intent.policy, deltas);
  if (isEmptyChange(diffRulesets(held, next))) throw new Error('a label change changed nothing');
  return { change: diffRulesets(held, next), next }; // compared twice, as the agent does: is it a change, and then which
}

function updateIntent(resolver: IntentResolver, snapshot: Snapshot): IntentUpdate {
  const update = resolver.update(snapshot);
  if (!update.ok) throw new Error(`no router ${update.error.router} among the benchmark's own resources`);
  return update.value;
}

async function verifyKernel(hub: Hub): Promise<void> {
  const afresh = compileRuleset(resolveRouter(makeSnapshot(hub.resources.values())).policy);
  if (!isEmptyChange(diffRulesets(afresh, hub.held)))
    throw new Error('changes led to another ruleset than compiling afresh');
  const reader = createTableReader();
  const read = await reader.readTable();
  reader.close();
  if (!read.ok || read.value === undefined) throw new Error('the table of the changed router cannot be read back');
  const [discrepancy] = verifyTable(afresh, read.value);
  if (discrepancy !== undefined) throw new Error(`after the changes, ${discrepancy}`);
}

async function apply(change: RulesetChange): Promise<void> {
  if (isEmptyChange(change)) throw new Error('a label change changed nothing');
  filter ??= openPacketFilter();
  const applied = await filter.apply(change);
  if (!applied.ok) throw new Error(applied.error.message);
}

function times(samples: readonly number[]): StepTimes {
  return { ...summarize(samples), p99: percentile(samples, 99) };
}

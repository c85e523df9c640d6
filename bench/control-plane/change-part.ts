/**
 * How long one changed resource takes to the kernel inside one process, step by step, and what nft takes for the same.
 *
 *   changed resource ─[updateSnapshot]→ ─[IntentResolver]→ ─[RulesetCompiler, diffRulesets]→ ─[netlink]→ kernel
 *   the element that a label moved ─as text→ nft -f                                              in turn with it
 *
 * Invariant: afterwards the kernel holds what compiling the changed resources from nothing gives.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { openPacketFilter } from '../../src/edge/nft.ts';
import { createTableReader } from '../../src/edge/table-reader.ts';
import { IntentResolver, type IntentUpdate } from '../../src/intent/intent-resolver.ts';
import { compileRuleset } from '../../src/nftables/compile.ts';
import { diffRulesets, isEmptyChange, type RulesetChange } from '../../src/nftables/diff.ts';
import { verifyTable } from '../../src/nftables/expected-table.ts';
import { printClass } from '../../src/nftables/keys.ts';
import type { PacketFilter } from '../../src/nftables/packet-filter.ts';
import { type Ruleset, tableName } from '../../src/nftables/ruleset.ts';
import { RulesetCompiler } from '../../src/nftables/ruleset-compiler.ts';
import type { AnyResource } from '../../src/resources/resource.ts';
import { makeSnapshot, type Snapshot, updateSnapshot } from '../../src/resources/snapshot.ts';
import { enterNamespace } from '../kernel/libc.ts';
import { addNamespaces, namespacePath } from '../kernel/sandbox.ts';
import { observeMemory } from '../memory.ts';
import type { BenchOptions } from '../options.ts';
import { resolveRouter } from '../pipeline.ts';
import { describePolicies, describePolicy, describeWorkload, routerName } from '../policy-resources.ts';
import type { Progress } from '../progress.ts';
import { type ChangePathReport, type ChangeReport, type ChangeStep, changeSteps, type StepTimes } from '../report.ts';
import { percentile, summarize } from '../statistics.ts';
import { appName, type HubSize, hubAddress, hubInterfaces, hubRules, hubSizes, hubWorkloads } from './hub.ts';

const changes = { quick: { labels: 100, edits: 20 }, whole: { labels: 500, edits: 100 } } as const;

/** nft is asked for every so many of the label changes. */
const nftEvery = 10;

/** The router under change, and what the kernel was last told. */
interface Hub {
  readonly size: HubSize;
  readonly apps: number[];
  readonly rules: ReturnType<typeof hubRules>;
  readonly resolver: IntentResolver;
  readonly compiler: RulesetCompiler;
  readonly filter: PacketFilter;
  snapshot: Snapshot;
  held: Ruleset;
}

type Samples = Record<ChangeStep, number[]>;

export async function measureChangePart(options: BenchOptions, progress: Progress): Promise<ChangeReport> {
  const extent = options.isQuick ? 'quick' : 'whole';
  const { labels, edits } = changes[extent];
  addNamespaces(['change']);
  enterNamespace(namespacePath('change'));
  progress.show('change: loading the policy', 0, 1);
  const hub = await loadHub(hubSizes[extent]);
  const nft: number[] = [];
  const label = await measureChanges(hub, labels, relabel, (done) => {
    progress.show('change: one label at a time', done, labels);
    if (done % nftEvery === 0) nft.push(timeNft(hub, done - 1));
  });
  const edit = await measureChanges(hub, edits, editPolicy, (done) =>
    progress.show('change: one policy at a time', done, edits),
  );
  const memory = observeMemory();
  await verifyKernel(hub);
  hub.filter.close();
  return { size: hub.size, label, nft: times(nft), edit, memory };
}

async function loadHub(size: HubSize): Promise<Hub> {
  const workloads = hubWorkloads(size);
  const rules = hubRules(size);
  const snapshot = makeSnapshot(describePolicy(rules, workloads, hubInterfaces(size)));
  const resolver = new IntentResolver(routerName);
  const compiler = new RulesetCompiler();
  const held = compiler.update(updateIntent(resolver, snapshot).intent.policy);
  const filter = openPacketFilter();
  await apply(filter, diffRulesets(undefined, held));
  const apps = workloads.map((_, index) => Math.floor(index / size.addressesPerApp));
  return { size, apps, rules, resolver, compiler, filter, snapshot, held };
}

async function measureChanges(
  hub: Hub,
  count: number,
  change: (hub: Hub, number: number) => AnyResource,
  onDone: (done: number) => void,
): Promise<ChangePathReport> {
  const samples: Samples = { snapshot: [], intent: [], ruleset: [], kernel: [] };
  const totals: number[] = [];
  for (let number = 0; number < count; number++) {
    totals.push(await timeChange(hub, change(hub, number), samples));
    onDone(number + 1);
  }
  const steps = Object.fromEntries(changeSteps.map((step) => [step, times(samples[step])]));
  return { changes: count, total: times(totals), steps: steps as ChangePathReport['steps'] };
}

/** Gives one address another application's label; which ones is the same in every run. */
function relabel({ size, apps }: Hub, change: number): AnyResource {
  const index = (change * 7919) % apps.length;
  const app = ((apps[index] ?? 0) + 1 + (change % 5)) % size.policies;
  apps[index] = app;
  return describeWorkload({ address: hubAddress(index), app: appName(app) });
}

/** Gives one rule of one policy another port. */
function editPolicy({ size, rules }: Hub, edit: number): AnyResource {
  const policy = (edit * 37) % size.policies;
  const own = rules.filter((rule) => rule.policy === policy);
  if (own[0]) own[0].port = 20_000 + edit;
  const [resource] = describePolicies(own);
  if (!resource) throw new RangeError('a policy without rules');
  return resource;
}

async function timeChange(hub: Hub, resource: AnyResource, samples: Samples): Promise<number> {
  const start = performance.now();
  let last = start;
  const lap = (step: ChangeStep) => {
    const now = performance.now();
    samples[step].push(now - last);
    last = now;
  };
  hub.snapshot = updateSnapshot(hub.snapshot, [{ is: 'there', resource }], hub.snapshot.revision + 1);
  lap('snapshot');
  const { intent, deltas } = updateIntent(hub.resolver, hub.snapshot);
  lap('intent');
  const next = hub.compiler.update(intent.policy, deltas);
  const change = diffRulesets(hub.held, next);
  lap('ruleset');
  await apply(hub.filter, change);
  lap('kernel');
  hub.held = next;
  return last - start;
}

/** The element that the last label change moved, taken out and put back by nft in one transaction. */
function timeNft({ held, apps }: Hub, change: number): number {
  const address = hubAddress((change * 7919) % apps.length);
  for (const { name, classes } of held.classes.values()) {
    const number = classes.get(address);
    if (number === undefined) continue;
    const target = `element inet ${tableName} ${name}`;
    const file = '/run/change.nft';
    writeFileSync(file, `delete ${target} { ${address} }\nadd ${target} { ${address} : ${printClass(number)} }\n`);
    const start = performance.now();
    execFileSync('nft', ['-f', file]);
    return performance.now() - start;
  }
  throw new Error(`no class map has ${address}`);
}

function updateIntent(resolver: IntentResolver, snapshot: Snapshot): IntentUpdate {
  const update = resolver.update(snapshot);
  if (!update.ok) throw new Error(`no router ${update.error.router} among the benchmark's own resources`);
  return update.value;
}

async function verifyKernel({ snapshot, held }: Hub): Promise<void> {
  const afresh = compileRuleset(resolveRouter(snapshot).policy);
  if (!isEmptyChange(diffRulesets(afresh, held)))
    throw new Error('changes led to another ruleset than compiling afresh');
  const reader = createTableReader();
  const read = await reader.readTable();
  reader.close();
  if (!read.ok || read.value === undefined) throw new Error('the table of the changed router cannot be read back');
  const [discrepancy] = verifyTable(afresh, read.value);
  if (discrepancy !== undefined) throw new Error(`after the changes, ${discrepancy}`);
}

async function apply(filter: PacketFilter, change: RulesetChange): Promise<void> {
  if (isEmptyChange(change)) throw new Error('a change changed nothing');
  const applied = await filter.apply(change);
  if (!applied.ok) throw new Error(applied.error.message);
}

function times(samples: readonly number[]): StepTimes {
  return { ...summarize(samples), p99: percentile(samples, 99) };
}

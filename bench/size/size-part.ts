/**
 * What one of each thing costs in memory, and how well `causeway size` predicts a hub that the figures are not from.
 *
 *   BIRD, agent, conntrackd, kernel at two sizes ─slope─▶ SizeConstants ─[predict]─▶ compared with a third size
 *
 * Invariant: the third size is none of those measured from, and lies beyond none of what a router is meant for.
 */
import { execFileSync } from 'node:child_process';
import { release } from 'node:os';
import { type SizeConstants, sizeConstants } from '../../src/size/constants.ts';
import { type PartName, predictSize, type RouterPlan } from '../../src/size/predict.ts';
import { type HubSize, hubInterfaces, hubRules, hubWorkloads } from '../control-plane/hub.ts';
import { observeMachine } from '../machine.ts';
import type { BenchOptions } from '../options.ts';
import { describePolicy } from '../policy-resources.ts';
import type { Progress } from '../progress.ts';
import type { SizeReport } from '../report.ts';
import { runHub, writeOurHub } from '../routing/hub.ts';
import { describeSpokes, linkName, type SpokeSize } from '../routing/spokes.ts';
import { buildProgram, measureAgent, measureAgentOfHub, measureConntrackd } from './daemon-memory.ts';
import { measureFlows, measureRoutes, measureSets } from './kernel-objects.ts';
import { writeConstants } from './write-constants.ts';

const extents = {
  quick: { rounds: 1, count: 20_000, sessions: 50, paths: 100, policies: 100, addressesPerPolicy: 100 },
  whole: {
    rounds: 3,
    count: 100_000,
    sessions: 200,
    paths: 500,
    spokes: 400,
    policies: 1000,
    addressesPerPolicy: 1000,
  },
} as const;

/** BIRD goes on telling peers of routes after its kernel has them. */
const settleMs = 3_000;

type Extent = (typeof extents)[keyof typeof extents];

export async function measureSizePart(options: BenchOptions, progress: Progress): Promise<SizeReport> {
  const extent = extents[options.isQuick ? 'quick' : 'whole'];
  buildProgram();
  const constants = await measureConstants(extent, progress);
  const { plan, measured } = await measureThird(extent, progress);
  const predicted = predictSize(plan, constants).parts;
  const isWritten = options.writesConstants;
  if (isWritten) writeConstants(constants);
  return {
    constants,
    before: sizeConstants,
    isWritten,
    plan,
    rows: Object.entries(measured).map(([part, bytes]) => ({
      part: part as PartName,
      measuredBytes: bytes,
      predictedBytes: predicted[part as PartName],
    })),
  };
}

async function measureConstants(extent: Extent, progress: Progress): Promise<SizeConstants> {
  const { rounds, count } = extent;
  const steps = ['BIRD', 'routes', 'flows', 'sets', 'agent', 'conntrackd'];
  const show = (step: string) => progress.show(`size: ${step}`, steps.indexOf(step), steps.length);
  show('BIRD');
  const bird = await measureBird(extent);
  show('routes');
  const perIpv4Route = (await measureRoutes(4, count, rounds)) / count;
  const perIpv6Route = (await measureRoutes(6, count, rounds)) / count;
  show('flows');
  const perFlow = (await measureFlows(count, rounds)) / count;
  show('sets');
  const sets = await measurePolicy(extent, (size) => measureSets(size, rounds));
  show('agent');
  const agent = await measureAgents(extent);
  show('conntrackd');
  const atRest = await measureConntrackd(0);
  const busy = await measureConntrackd(count);
  const machine = observeMachine();
  return roundAll({
    measuredOn: {
      date: new Date().toISOString().slice(0, 10),
      kernel: release(),
      bird: versionOf('bird'),
      nft: machine.nft,
      conntrackd: versionOf('conntrackd'),
      node: machine.node,
      cores: machine.cores,
    },
    bird,
    kernel: { perIpv4Route, perIpv6Route, perFlow },
    sets: { perPolicy: sets.perPolicy, perAddress: sets.perAddress },
    agent,
    conntrackd: { base: atRest, perFlow: (busy - atRest) / count },
  });
}

/** Few sessions, many sessions, many routes: each differs from one before it in one thing. */
async function measureBird({ sessions, paths }: Extent): Promise<SizeConstants['bird']> {
  const few = 10;
  const least = 2;
  const peak = async (name: string, size: SpokeSize) =>
    (await runHub(name, writeOurHub(size), size, settleMs)).peakBytes;
  const base = await peak('few', { family: 4, spokes: few, prefixesPerSpoke: least });
  const many = await peak('many', { family: 4, spokes: sessions, prefixesPerSpoke: least });
  const loaded = await peak('loaded4', { family: 4, spokes: sessions, prefixesPerSpoke: paths });
  const many6 = await peak('many6', { family: 6, spokes: sessions, prefixesPerSpoke: least });
  const open = await peak('open', { family: 4, spokes: sessions, prefixesPerSpoke: paths, isOpen: true });
  const loaded6 = await peak('loaded6', { family: 6, spokes: sessions, prefixesPerSpoke: paths });
  const perIpv4Path = (loaded - many) / (sessions * (paths - least));
  const perIpv6Path = (loaded6 - many6) / (sessions * (paths - least));
  const perSession = (many - base) / (sessions - few) - least * perIpv4Path;
  const fewer = paths / 5;
  const openFewer = await peak('open-fewer', { family: 4, spokes: sessions, prefixesPerSpoke: fewer, isOpen: true });
  const grownFewer = openFewer - (many + sessions * (fewer - least) * perIpv4Path);
  const thousands = (sessions * (paths - fewer)) / 1000;
  const perThousandTold = (open - loaded - grownFewer) / sessions / thousands;
  const perToldSession = grownFewer / sessions - perThousandTold * ((sessions * fewer) / 1000);
  return {
    base: base - few * (perSession + least * perIpv4Path),
    perSession,
    perIpv4Path,
    perIpv6Path,
    perToldSession,
    perThousandTold,
  };
}

interface PolicyCosts {
  readonly base: number;
  readonly perPolicy: number;
  readonly perAddress: number;
}

/** A small hub, one with many policies, one with many addresses. */
async function measurePolicy(
  { policies, addressesPerPolicy }: Extent,
  measure: (size: HubSize) => Promise<number>,
): Promise<PolicyCosts> {
  const few = 100;
  const hub = (policies: number, addressesPerApp: number): HubSize => ({
    policies,
    addressesPerApp,
    hostEndpoints: 20,
    rulesPerPolicy: 10,
  });
  const small = await measure(hub(few, 1));
  const populous = await measure(hub(few, addressesPerPolicy));
  const ruled = await measure(hub(few + policies, 1));
  const perAddress = (populous - small) / (few * (addressesPerPolicy - 1));
  const perPolicy = (ruled - small) / policies - perAddress;
  return { base: small - few * (perPolicy + perAddress), perPolicy, perAddress };
}

async function measureAgents(extent: Extent): Promise<SizeConstants['agent']> {
  let run = 0;
  const { base, perPolicy, perAddress } = await measurePolicy(extent, (size) =>
    measureAgent(`agent${run++}`, describePolicy(hubRules(size), hubWorkloads(size), hubInterfaces(size)), [
      ...hubInterfaces(size),
      'west',
      'east',
    ]),
  );
  const few = 10;
  const least = 2;
  const hub = (spokes: number, prefixesPerSpoke: number) =>
    measureAgentOfHub(`agent-of-${spokes}-${prefixesPerSpoke}`, { family: 4, spokes, prefixesPerSpoke });
  const small = await hub(few, least);
  const many = await hub(extent.sessions, least);
  const loaded = await hub(extent.sessions, extent.paths);
  const perRoute = (loaded - many) / (extent.sessions * (extent.paths - least));
  const perSpoke = (many - small) / (extent.sessions - few) - least * perRoute;
  return { base, perSpoke, perRoute, perPolicy, perAddress };
}

/** Half of it all, and half of the routes IPv4 only: a size that no constant is from. */
async function measureThird(
  { rounds, count, sessions, paths, policies, addressesPerPolicy }: Extent,
  progress: Progress,
): Promise<{ plan: RouterPlan; measured: Partial<Record<PartName, number>> }> {
  progress.show('size: a third size', 0, 1);
  const spokes: SpokeSize = {
    family: 4,
    spokes: sessions / 2,
    prefixesPerSpoke: Math.round(paths * 0.6),
    isOpen: true,
  };
  const hub: HubSize = {
    policies: policies / 2,
    addressesPerApp: Math.round(addressesPerPolicy / 20),
    hostEndpoints: 20,
    rulesPerPolicy: 10,
  };
  const prefixes = spokes.spokes * spokes.prefixesPerSpoke;
  const flows = Math.round(count * 0.6);
  const plan: RouterPlan = {
    spokes: spokes.spokes,
    prefixes,
    ipv6Prefixes: 0,
    sessions: spokes.spokes,
    isIsolated: false,
    flows,
    policies: hub.policies,
    addresses: hub.policies * hub.addressesPerApp,
    routers: 1,
  };
  const resources = [
    ...describePolicy(hubRules(hub), hubWorkloads(hub), hubInterfaces(hub)).filter(({ kind }) => kind !== 'Router'),
    ...describeSpokes(spokes).map((resource) =>
      resource.kind === 'Router'
        ? { ...resource, spec: { ...resource.spec, interfaces: [{ name: linkName }, ...named(hubInterfaces(hub))] } }
        : resource,
    ),
  ];
  return {
    plan,
    measured: {
      bird: (await runHub('third', writeOurHub(spokes), spokes, settleMs)).peakBytes,
      routes: await measureRoutes(4, prefixes, rounds),
      conntrack: await measureFlows(flows, rounds),
      sets: await measureSets(hub, rounds),
      agent: await measureAgentOfHub('agent-third', spokes, resources),
    },
  };
}

function named(names: readonly string[]): { readonly name: string }[] {
  return names.map((name) => ({ name }));
}

function roundAll(constants: SizeConstants): SizeConstants {
  const round = <T extends object>(figures: T): T =>
    Object.fromEntries(
      Object.entries(figures).map(([name, value]) => [name, typeof value === 'number' ? Math.round(value) : value]),
    ) as T;
  const { measuredOn, bird, kernel, sets, agent, conntrackd } = constants;
  return {
    measuredOn,
    bird: round(bird),
    kernel: round(kernel),
    sets: round(sets),
    agent: round(agent),
    conntrackd: round(conntrackd),
  };
}

/** BIRD says its version on standard error. */
function versionOf(program: string): string {
  const text = execFileSync('sh', ['-c', `${program} --version 2>&1`], { encoding: 'utf8' });
  return /\d+(\.\d+)+/.exec(text)?.[0] ?? 'unknown';
}

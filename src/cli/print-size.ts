/** What a planned router needs, as tables for people. */
import type { SizeConstants } from '../size/constants.ts';
import { type Fit, freeShare } from '../size/instances.ts';
import { mostSharedFlows, type PartName, type Prediction, partNames, type RouterPlan } from '../size/predict.ts';
import { countOf } from './count.ts';
import { printTable } from './table.ts';

export interface SizeView extends Prediction {
  readonly plan: RouterPlan;
  /** Names of the machines with the least memory that carry it; empty: none of the list does. */
  readonly smallest: readonly string[];
  readonly instances: readonly Fit[];
  readonly measuredOn: SizeConstants['measuredOn'];
}

export function printSize(view: SizeView): string {
  const rows = partNames.filter((name) => view.parts[name] > 0).map((name) => [name, view.parts[name]] as const);
  const parts = printTable<readonly [PartName | 'total', number]>(
    [
      { title: 'PART', cell: ([name]) => titles[name] },
      { title: 'MIB', cell: ([, bytes]) => mib(bytes) },
      { title: 'OF', cell: ([name]) => contents[name](view) },
    ],
    [...rows, ['total', view.totalBytes]],
  );
  const machines = printTable<Fit>(
    [
      { title: 'INSTANCE', cell: ({ name }) => name },
      { title: 'VCPU', cell: ({ vCpus }) => String(vCpus) },
      { title: 'GIB', cell: ({ memoryGiB }) => String(memoryGiB) },
      { title: 'BASELINE GBIT/S', cell: ({ baselineGbps }) => String(baselineGbps) },
      { title: 'MEMORY USED', cell: ({ usedShare }) => `${Math.ceil(100 * usedShare)} %` },
      { title: 'CARRIES IT', cell: ({ carries }) => (carries ? 'yes' : 'no') },
    ],
    view.instances,
  );
  return `${parts}\n${machines}\n${printAnswer(view)}`;
}

function printAnswer({ smallest, plan, measuredOn }: SizeView): string {
  const each = plan.routers === 2 ? 'each router' : 'the router';
  const free = `with ${Math.round(100 * freeShare)} % of its memory free`;
  const answer =
    smallest.length === 0
      ? `None of these carries ${each} ${free}: take a larger machine, or more routers with fewer spokes.`
      : `Smallest that carries ${each} ${free}: ${smallest.join(', ')}.${smallest.length > 1 ? ' They differ in processors and network.' : ''}`;
  const unshared =
    plan.routers === 2 && plan.flows > mostSharedFlows
      ? `conntrackd holds ${mostSharedFlows} flows of its own at most: more than that are not shared.\n`
      : '';
  const { date, kernel, bird, cores } = measuredOn;
  return `${answer}\n${unshared}Measured ${date} on Linux ${kernel} with ${countOf(cores, 'core')}, BIRD ${bird}.\n`;
}

const titles: Readonly<Record<PartName | 'total', string>> = {
  system: 'system',
  bird: 'BIRD',
  routes: 'kernel routes',
  conntrack: 'conntrack',
  sets: 'nftables',
  agent: 'agent',
  conntrackd: 'conntrackd',
  total: 'total',
};

const contents: Readonly<Record<PartName | 'total', (view: SizeView) => string>> = {
  system: () => 'Debian without us (assumed)',
  bird: ({ plan, paths }) =>
    `${countOf(plan.sessions, 'session')}, ${countOf(paths, 'path')}${plan.isIsolated ? '' : ', all told to each'}${plan.routers === 2 ? ', the other router’s included' : ''}`,
  routes: ({ plan }) => countOf(plan.prefixes, 'prefix', 'prefixes'),
  conntrack: ({ plan }) => countOf(plan.flows, 'flow'),
  sets: ({ plan }) => policyAndAddresses(plan),
  agent: ({ plan }) => `${countOf(plan.spokes, 'spoke')}, ${policyAndAddresses(plan)}`,
  conntrackd: ({ plan }) => `${countOf(plan.flows, 'flow')} of its own after a failover`,
  total: ({ plan }) => (plan.routers === 2 ? 'on each of 2 routers' : ''),
};

function policyAndAddresses({ policies, addresses }: RouterPlan): string {
  return `${countOf(policies, 'policy', 'policies')}, ${countOf(addresses, 'address', 'addresses')}`;
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0);
}

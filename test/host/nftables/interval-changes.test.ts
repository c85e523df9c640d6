/** Intervals that split, merge, move and touch each other, changed in the kernel one transaction at a time. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTableReader } from '../../../src/edge/table-reader.ts';
import { bitLength, type Family, printAddress } from '../../../src/net/address.ts';
import { maskAddress, printPrefix } from '../../../src/net/prefix.ts';
import { diffRulesets } from '../../../src/nftables/diff.ts';
import { verifyTable } from '../../../src/nftables/expected-table.ts';
import { printKey } from '../../../src/nftables/keys.ts';
import type { PacketFilter } from '../../../src/nftables/packet-filter.ts';
import { printRuleset } from '../../../src/nftables/print.ts';
import {
  type ClassMap,
  firstClass,
  type Key,
  type NftSet,
  type Ruleset,
  type VerdictMap,
} from '../../../src/nftables/ruleset.ts';
import type { TableReader } from '../../../src/nftables/table-reader.ts';
import { listTable } from './nft-listing.ts';
import { openPrivateKernel, type PrivateKernel } from './private-kernel.ts';

let changed: PrivateKernel;
let fresh: PrivateKernel;
let filter: PacketFilter;
let reader: TableReader;

beforeAll(async () => {
  [changed, fresh] = await Promise.all([openPrivateKernel(), openPrivateKernel()]);
  filter = changed.filter();
  reader = createTableReader(changed.socket);
});

afterAll(() => {
  filter?.close();
  reader?.close();
  changed?.close();
  fresh?.close();
});

const slots = 16;

/** Neighbours of equal value are one interval: values of the sixteen parts of all addresses, 0 for none. */
type Slots = readonly number[];

interface Interval {
  readonly first: number;
  readonly last: number;
  readonly value: number;
}

function intervals(values: Slots): readonly Interval[] {
  return values.flatMap((value, first) => {
    if (value === 0 || values[first - 1] === value) return [];
    const end = values.findIndex((other, at) => at > first && other !== value);
    return [{ first, last: (end < 0 ? slots : end) - 1, value }];
  });
}

function classes(family: Family, values: Slots): ClassMap {
  const shift = BigInt(bitLength(family) - 4);
  const print = (bits: bigint): string => printAddress({ family, bits });
  const keys = intervals(values).map(({ first, last, value }) => {
    const lowest = BigInt(first) << shift;
    const highest = ((BigInt(last) + 1n) << shift) - 1n;
    return [`${print(lowest)}-${print(highest)}`, firstClass + value] as const;
  });
  return { name: `classes-${family}`, family, isInterval: true, classes: new Map(keys) };
}

function prefixes(family: Family, values: Slots): NftSet {
  const elements = values.flatMap((value, at) => {
    if (value === 0) return [];
    const prefix = maskAddress({ family, bits: BigInt(at) << BigInt(bitLength(family) - 4) }, 3 + (value % 2));
    return [[printPrefix(prefix), prefix] as const];
  });
  const wide = new Map(elements);
  for (const [text, { bits, length }] of elements) {
    const outer = printPrefix(maskAddress({ family, bits }, 3));
    if (length === 4 && wide.has(outer)) wide.delete(text); // prefixes that do not contain each other
  }
  return { kind: 'addresses', name: `prefixes-${family}`, family, holds: 'prefixes', elements: wide };
}

function ports(values: Slots): VerdictMap {
  const keys = intervals(values).map(({ first, last, value }) => {
    const key: Key = [{ kind: 'range', first: first * 4096, last: last * 4096 + 4095 }];
    const verdict = value === 1 ? ({ kind: 'accept' } as const) : ({ kind: 'goto', chain: 'target' } as const);
    return [printKey(key), { key, verdict, comment: `${value}` }] as const;
  });
  return {
    name: 'ports',
    fields: [{ kind: 'port', side: 'destination' }],
    isInterval: true,
    elements: new Map(keys),
  };
}

function boxes(values: Slots): VerdictMap {
  const keys = intervals(values).map(({ first, last, value }) => {
    const key: Key = [
      { kind: 'range', first: 6, last: 6 + value },
      { kind: 'range', first: first * 4096, last: last * 4096 + 4095 },
    ];
    return [printKey(key), { key, verdict: { kind: 'drop' }, comment: `${value}` }] as const;
  });
  return {
    name: 'boxes',
    fields: [{ kind: 'protocol' }, { kind: 'port', side: 'destination' }],
    isInterval: true,
    elements: new Map(keys),
  };
}

function named<T extends { readonly name: string }>(...objects: readonly T[]): ReadonlyMap<string, T> {
  return new Map(objects.map((object) => [object.name, object]));
}

function rulesetOf(values: Slots): Ruleset {
  return {
    sets: named(prefixes(4, values), prefixes(6, values)),
    maps: named(ports(values), boxes(values)),
    classes: named(classes(4, values), classes(6, values)),
    chains: named({ name: 'target', rules: [] }),
  };
}

it('leaves the kernel as a fresh load would, from any intervals to any other', { timeout: 240_000 }, async () => {
  const some = fc.array(fc.nat({ max: 2 }), { minLength: slots, maxLength: slots });
  let from: Ruleset | undefined;
  for (const values of fc.sample(some, { seed: 20261125, numRuns: 120 })) {
    const to = rulesetOf(values);
    expect(await filter.apply(diffRulesets(from, to))).toEqual({ ok: true, value: undefined });
    await fresh.load(printRuleset(to));
    expect(await listTable(changed)).toEqual(await listTable(fresh));
    const read = await reader.readTable();
    expect(read.ok && read.value && verifyTable(to, read.value)).toEqual([]);
    from = to;
  }
});

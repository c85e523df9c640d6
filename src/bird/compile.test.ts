import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWithinBound } from '../intent/routing/resolve-bounds.ts';
import {
  mainChannel,
  type PrefixBound,
  type RoutingIntent,
  type SessionIntent,
} from '../intent/routing/routing-intent.ts';
import { comparePrefixes, containsPrefix, maskAddress, type Prefix, printPrefix } from '../net/prefix.ts';
import { resource } from '../resources/resource.fixture.ts';
import { compileBird } from './compile.ts';
import { compileImport } from './compile-import.ts';
import type { BirdCondition, BirdStatement } from './config.ts';
import { printDrained } from './drain.ts';
import { birdText, hub, resolveFor, resolveHub } from './hub.fixture.ts';

function passwordFor(key: string) {
  return resource('Attachment', 'dc', {
    router: 'tr1',
    site: 'dc',
    link: { interface: { name: 'eth0' } },
    addresses: { local: ['192.168.0.1/30'], remote: ['192.168.0.2'] },
    profile: 'aws-dx-private-vif',
    bgp: { asNumber: 65010, password: { secretRef: { name: 'bgp', key } } },
  });
}

describe('the configuration', () => {
  it('is the same bytes for the same resources in any order', () => {
    expect(birdText(resolveFor('tr1', hub.toReversed()).routing)).toBe(birdText(resolveHub('tr1').routing));
  });

  it('names both filters of every session', () => {
    const { sessions } = compileBird(resolveHub('tr1').routing, { secrets: new Map() });
    expect(sessions.length).toBe(5);
    for (const { importFilter, exportFilter } of sessions.flatMap((session) => session.channels)) {
      expect(importFilter).not.toBe(exportFilter);
    }
  });

  it('changes nothing of one session when another comes', () => {
    const before = birdText(resolveHub('tr1').routing);
    const more = resource('Attachment', 'later', {
      router: 'tr1',
      site: 'spoke-a',
      link: { interface: { name: 'eth5' } },
      addresses: { local: ['192.168.5.1/30'], remote: ['192.168.5.2'] },
      bgp: { asNumber: 64601 },
    });
    const after = birdText(resolveHub('tr1', [more]).routing);
    for (const section of before.split('\n\n')) expect(after).toContain(section.trim());
    expect(after).not.toBe(before);
  });

  it.each<[string, ReadonlyMap<string, string>, string]>([
    ['is missing', new Map(), 'secret bgp/k is missing'],
    ['cannot be quoted', new Map([['bgp/k', 'a"b']]), 'secret bgp/k: the password has a quotation mark'],
    ['is too long', new Map([['bgp/k', 'x'.repeat(81)]]), 'more than 80 characters'],
    ['is too short for Direct Connect', new Map([['bgp/k', 'x'.repeat(5)]]), 'fewer than 6 characters'],
  ])('holds a session down whose password %s', (_, secrets, reason) => {
    const { routing } = resolveHub('tr1', [passwordFor('k')]);
    const session = compileBird(routing, { secrets }).sessions.find(
      ({ name }) => name === 'cw_attachment_dc_192_168_0_2',
    );
    expect(session).toMatchObject({ password: undefined });
    expect(session?.heldDown).toContain(reason);
    expect(birdText(routing, { secrets })).toMatch(/protocol bgp cw_attachment_dc_192_168_0_2 [^}]*disabled;/);
  });

  it('runs it with the password once that is there', () => {
    const text = birdText(resolveHub('tr1', [passwordFor('k')]).routing, { secrets: new Map([['bgp/k', 'passwd']]) });
    expect(text).toContain('password "passwd";');
    expect(text).not.toContain('disabled;');
  });

  it('rejects where a missing filter would have stood', () => {
    const gone = resource('BGPPeer', 'p', { node: 'n1', peerIP: '172.16.0.9', asNumber: 1, filters: ['gone'] });
    const node = resource('Node', 'n1', { bgp: { ipv4Address: '172.16.0.1/24' } });
    const { routing, session } = resolveFor('n1', [node, gone]);
    expect(importOf(session('Node_172_16_0_9'), routing).body.at(-2)).toMatchObject({ kind: 'reject' });
  });

  it('marks kernel routes with the metric asked for', () => {
    expect(birdText(resolveHub('tr1').routing, { kernelMetric: 77, kernelTable: 100 })).toMatch(
      /kernel table 100;\n +metric 77;/,
    );
    expect(printDrained({ kernelMetric: 77 })).toMatch(/metric 77;/);
    expect(printDrained()).not.toContain('protocol bgp');
  });
});

/** Prefixes of a small world, so that they contain each other often. */
const prefix: fc.Arbitrary<Prefix> = fc
  .tuple(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 0, max: 4 }))
  .map(([bits, length]) => maskAddress({ family: 4, bits: BigInt(bits) << 28n }, length));

const bound: fc.Arbitrary<PrefixBound> = fc
  .uniqueArray(fc.tuple(prefix, fc.boolean()), { selector: ([one]) => printPrefix(one), maxLength: 10 })
  .map((entries) => {
    const pick = (isWithin: boolean): Prefix[] =>
      entries
        .filter(([, flag]) => flag === isWithin)
        .map(([one]) => one)
        .sort(comparePrefixes);
    const within = pick(true);
    return { within, except: pick(false).filter((hole) => within.some((outer) => containsPrefix(outer, hole))) };
  });

it('lets through exactly what a bound does: the longest prefix decides', () => {
  const { routing, session } = resolveHub('tr1');
  const template = session('attachment_spoke_a_192_168_1_2');
  fc.assert(
    fc.property(bound, prefix, (limits, route) => {
      const channel = mainChannel(template);
      const bare = { bound: limits, refusesBogons: false, refusesOwnPrefixes: false };
      const limited = { ...channel, import: { ...channel.import, ...bare } };
      const { body } = compileImport({ ...template, enforcesFirstAs: false }, limited, routing);
      expect(decide(body, route)).toBe(isWithinBound(limits, route));
    }),
    { seed: 3, numRuns: 2000 },
  );
});

/** What is asked of a route besides its prefix; the routes here have nothing else. */
function isAboutOthers({ kind }: BirdCondition): boolean {
  return ['large-community-in', 'community', 'path-longer-than'].includes(kind);
}

function importOf(session: SessionIntent, routing: RoutingIntent) {
  return compileImport(session, mainChannel(session), routing);
}

/** Walks the statements a bound compiles to; anything else is a bug of this test. */
function decide(body: readonly BirdStatement[], route: Prefix): boolean {
  for (const statement of body) {
    if (statement.kind === 'accept') return true;
    if (statement.kind === 'reject') return false;
    if (statement.kind === 'add-community') continue;
    if (statement.kind !== 'if') throw new Error(statement.kind);
    if (isAboutOthers(statement.when)) continue;
    if (holds(statement.when, route)) return decide(statement.body, route);
  }
  throw new Error('fell through');
}

function holds(condition: BirdCondition, route: Prefix): boolean {
  switch (condition.kind) {
    case 'not':
      return !holds(condition.operand, route);
    case 'all':
      return condition.operands.every((operand) => holds(operand, route));
    case 'net-in':
      return condition.set.some(
        (one) => containsPrefix(one.prefix, route) && one.low <= route.length && route.length <= one.high,
      );
    default:
      throw new Error(condition.kind);
  }
}

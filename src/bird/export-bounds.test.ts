/**
 * Random hubs: what each session's export filter lets out, against the rule in one sentence, worked out anew: the Sites that
 * declare the longest prefix around a route must all exchange routes with the one that is told.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Prefix, parsePrefix } from '../net/prefix.ts';
import { resource } from '../resources/resource.fixture.ts';
import type { AnyResource } from '../resources/resource.ts';
import { compileFunctions } from './compile.ts';
import { compileExport } from './compile-export.ts';
import { compileImport } from './compile-import.ts';
import { evaluateFilter } from './evaluate.ts';
import { type Resolved, resolveFor } from './hub.fixture.ts';
import { facts } from './route-facts.fixture.ts';

interface World {
  readonly segments: readonly { readonly isolated: boolean; readonly exchangeWith: readonly number[] }[];
  readonly sites: readonly {
    readonly segment: number;
    readonly prefixes: readonly string[];
    readonly routers: number;
  }[];
}

/** `10.X.0.0/L` of few bits, so that prefixes contain each other often; a default route now and then. */
const prefixText = fc
  .oneof(
    { weight: 12, arbitrary: fc.tuple(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 0, max: 4 })) },
    { weight: 1, arbitrary: fc.constant([0, -8] as [number, number]) },
  )
  .map(([bits, more]) => {
    if (more < 0) return '0.0.0.0/0';
    return `10.${(bits >> (4 - more)) << (8 - more)}.0.0/${8 + more}`;
  });

const world: fc.Arbitrary<World> = fc.record({
  segments: fc.array(
    fc.record({
      isolated: fc.boolean(),
      exchangeWith: fc.uniqueArray(fc.integer({ min: 0, max: 2 }), { maxLength: 2 }),
    }),
    { minLength: 3, maxLength: 3 },
  ),
  sites: fc.array(
    fc.record({
      segment: fc.integer({ min: 0, max: 2 }),
      prefixes: fc.uniqueArray(prefixText, { minLength: 1, maxLength: 3 }),
      /** Bits: at r1, at r2. */
      routers: fc.integer({ min: 1, max: 3 }),
    }),
    { minLength: 2, maxLength: 5 },
  ),
});

const open = resource('BGPFilter', 'open', { importV4: [{ action: 'Accept' }], exportV4: [{ action: 'Accept' }] });

function resourcesOf({ segments, sites }: World): AnyResource[] {
  const router = (host: number): AnyResource =>
    resource('Router', `r${host}`, {
      asNumber: 64520,
      redundancyGroup: 'hub',
      interfaces: [{ name: 'ha0', addresses: [`172.31.0.${host}/24`] }],
    });
  return [
    router(1),
    router(2),
    open,
    ...segments.map(({ isolated, exchangeWith }, i) =>
      resource('Segment', `s${i}`, { isolated, exchangeWith: exchangeWith.map((other) => `s${other}`) }),
    ),
    ...sites.flatMap(({ segment, prefixes, routers }, i): AnyResource[] => [
      resource('Site', `site${i}`, { type: 'vpc', prefixes, segment: `s${segment}` }),
      ...[1, 2]
        .filter((host) => routers & host)
        .map((host) =>
          resource('Attachment', `link${i}-${host}`, {
            router: `r${host}`,
            site: `site${i}`,
            link: { interface: { name: `eth${i}` } },
            addresses: { local: [`192.168.${i}.${host}/24`], remote: [`192.168.${i}.9`] },
            bgp: { asNumber: 64601 + i, importFilters: ['open'], exportFilters: ['open'] },
          }),
        ),
    ]),
  ];
}

/** Names of the Sites that a prefix belongs to. */
function ownersOf({ sites }: World, route: string): number[] {
  const covers = (outer: string): boolean => {
    const length = Number(outer.split('/')[1]);
    return length <= Number(route.split('/')[1]) && bitsOf(route).startsWith(bitsOf(outer).slice(0, length));
  };
  const around = sites.flatMap(({ prefixes }) => prefixes.filter(covers));
  const longest = Math.max(-1, ...around.map((text) => Number(text.split('/')[1])));
  return sites.flatMap(({ prefixes }, i) =>
    prefixes.some((text) => covers(text) && Number(text.split('/')[1]) === longest) ? [i] : [],
  );
}

function bitsOf(text: string): string {
  const [address = ''] = text.split('/');
  return address
    .split('.')
    .map((part) => Number(part).toString(2).padStart(8, '0'))
    .join('');
}

/** Sites of one Segment unless it is isolated; of two where both name each other. */
function mayExchange({ segments, sites }: World, a: number, b: number): boolean {
  const [one, other] = [sites[a]?.segment ?? -1, sites[b]?.segment ?? -1];
  if (a === b) return false;
  if (one === other) return segments[one]?.isolated === false;
  const names = (from: number, to: number): boolean => segments[from]?.exchangeWith.includes(to) === true;
  return names(one, other) && names(other, one);
}

function passes(resolved: Resolved, name: string, direction: 'import' | 'export', route: string, as: number): boolean {
  const session = resolved.session(name);
  const [channel] = session.channels;
  if (!channel) throw new Error(`${name} carries nothing`);
  const functions = new Map(compileFunctions(resolved.routing).map((one) => [one.name, one]));
  const compiled = (direction === 'import' ? compileImport : compileExport)(session, channel, resolved.routing);
  return evaluateFilter(compiled, functions, facts(route, { asPath: [as] })).kind === 'accepted';
}

const nested = (text: string): Prefix | undefined => parsePrefix(text);

describe('of random hubs', () => {
  it('a session learns what its Site alone or with others owns, and tells what all owners may tell', () => {
    let told = 0;
    let kept = 0;
    fc.assert(
      fc.property(world, prefixText, fc.constantFrom('r1', 'r2'), (hub, route, router) => {
        if (!nested(route)) return;
        const resolved = resolveFor(router, resourcesOf(hub));
        const owners = ownersOf(hub, route);
        for (const [i, { routers }] of hub.sites.entries()) {
          if (!(routers & (router === 'r1' ? 1 : 2))) continue;
          const name = `attachment_link${i}_${router.slice(1)}_192_168_${i}_9`;
          const mayTell = owners.length > 0 && owners.every((owner) => mayExchange(hub, owner, i));
          expect([name, passes(resolved, name, 'export', route, 65000)]).toEqual([name, mayTell]);
          expect([name, passes(resolved, name, 'import', route, 64601 + i)]).toEqual([name, owners.includes(i)]);
          if (mayTell) told++;
          else kept++;
        }
      }),
      { seed: 7, numRuns: 300 },
    );
    // Both happen often, so that neither answer alone would do.
    expect(Math.min(told, kept)).toBeGreaterThan(50);
  });

  it('both routers of a group say the same of every Site, and prefer the same one', () => {
    fc.assert(
      fc.property(world, (hub) => {
        const [one, other] = [resolveFor('r1', resourcesOf(hub)), resolveFor('r2', resourcesOf(hub))];
        expect(other.routing.group?.pins).toEqual(one.routing.group?.pins);
        expect(other.routing.multipath).toEqual(one.routing.multipath);
        for (const { site, router } of one.routing.group?.pins ?? []) {
          const localPrefs = [one, other].flatMap(({ routing }, i) =>
            routing.sessions.flatMap(({ origin, channels }) =>
              origin?.kind === 'Attachment' && origin.metadata.name.startsWith(`link${site.slice(4)}-`)
                ? [{ router: `r${i + 1}`, value: channels[0]?.import.localPref ?? 100 }]
                : [],
            ),
          );
          const [best] = localPrefs.toSorted((a, b) => b.value - a.value);
          expect([site, best?.router]).toEqual([site, router]);
        }
      }),
      { seed: 8, numRuns: 200 },
    );
  });
});

/**
 * TCP connections through a link are told how large their segments may be, since clouds drop what would tell them later.
 *
 *   PolicyIntent.mssClamps ─[clampSegments]→ a chain in the forward hook before policy, a chain for each size
 *
 * Each end hears of the size the other takes in its SYN: those that go out of the link, and those that come in by it.
 * Invariant: decides nothing; a packet that is no SYN pays the one comparison, a router without clamped links nothing.
 */
import type { MssClamp, PolicyIntent } from '../intent/policy/policy-intent.ts';
import { families } from '../net/address.ts';
import type { Draft } from './draft.ts';
import { printKey } from './keys.ts';
import type { Chain, Field, FieldValue, MapElement, Rule } from './ruleset.ts';

/** The base chain; undefined where nothing is clamped. */
export function clampSegments({ mssClamps = [] }: PolicyIntent, draft: Draft): Chain | undefined {
  if (mssClamps.length === 0) return undefined;
  for (const clamp of mssClamps) {
    const name = chainOf(clamp);
    draft.chains.set(name, { name, rules: families.map((family) => clampRule(family, clamp)) });
  }
  const lookups = (['in', 'out'] as const).map((side): Rule => {
    const map = `segments-${side}-interfaces`;
    const fields: readonly Field[] = [{ kind: 'interface', side }];
    draft.maps.set(map, { name: map, fields, isInterval: false, isUncounted: true, elements: elementsOf(mssClamps) });
    return { matches: [], statements: [], outcome: { kind: 'lookup', map, fields } };
  });
  draft.chains.set('segments', { name: 'segments', rules: lookups });
  return {
    name: 'mangle-forward',
    base: { hook: 'forward', priority: -150 },
    rules: [{ matches: [{ kind: 'tcp-syn' }], statements: [], outcome: { kind: 'jump', chain: 'segments' } }],
  };
}

function clampRule(family: (typeof families)[number], clamp: MssClamp): Rule {
  const size = family === 4 ? clamp.ipv4 : clamp.ipv6;
  return {
    matches: [{ kind: 'family', family }, { kind: 'tcp-syn' }, { kind: 'segment-size-above', size }],
    statements: [{ kind: 'counter' }, { kind: 'segment-size', size }],
    comment: 'segments that fit into the link',
  };
}

/** Links of one size share a chain. */
function chainOf({ ipv4, ipv6 }: MssClamp): string {
  return `segments-${ipv4}-${ipv6}`;
}

function elementsOf(clamps: readonly MssClamp[]): ReadonlyMap<string, MapElement> {
  return new Map(
    clamps.map((clamp) => {
      const key: readonly FieldValue[] = [{ kind: 'name', name: clamp.interfaceName }];
      return [printKey(key), { key, verdict: { kind: 'jump', chain: chainOf(clamp) } }];
    }),
  );
}

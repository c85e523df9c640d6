import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AddressSet } from '../intent/policy/policy-intent.ts';
import { prefix } from '../net/literals.fixture.ts';
import type { Prefix } from '../net/prefix.ts';
import { AddressClasses } from './address-classes.ts';
import { type SpreadKey, spreadKey } from './class-numbers.ts';
import { firstClass } from './ruleset.ts';

const ids = ['s:a', 's:b', 's:c'];
const texts = ['10.0.0.1/32', '10.0.0.2/32', '10.0.0.9/32', '10.0.0.0/30', '10.0.0.0/29', '10.0.0.8/31', '0.0.0.0/0'];

/** Collides all the time, and differently for each probe. */
const narrowSpread: SpreadKey = (key, probe) => firstClass + ((key.length + key.charCodeAt(2) + probe * 3) % 16);

type Live = ReadonlyMap<string, Map<string, Prefix>>;

function setsOf(live: Live, present: readonly string[] = ids): readonly AddressSet[] {
  return present.map((id) => ({ id, selector: id, members: live.get(id) ?? new Map() }));
}

/** What it holds, as text. */
function contents({ hosts, prefixes }: AddressClasses): string {
  return [...hosts, ...prefixes]
    .map(([key, number]) => `${key} ${number}`)
    .sort()
    .join('\n');
}

/** Numbers and selectors of each class. */
function classList(classes: AddressClasses): string {
  return [...classes.all()]
    .map((each) => `${each.number} ${each.ids.join(' ')}`)
    .sort()
    .join('\n');
}

describe('classes of addresses', () => {
  it('count the prefixes around a host', () => {
    const live = new Map([
      ['s:a', new Map([['10.0.0.1/32', prefix('10.0.0.1/32')]])],
      ['s:b', new Map([['10.0.0.0/30', prefix('10.0.0.0/30')]])],
    ]);
    const classes = new AddressClasses(4);
    classes.update(setsOf(live), new Map());
    const byNumber = new Map([...classes.all()].map((each) => [each.number, each.ids.join(' ')]));
    expect(byNumber.get(classes.hosts.get('10.0.0.1') ?? 0)).toBe('s:a s:b');
    expect([...classes.prefixes].map(([key, number]) => [key, byNumber.get(number)])).toEqual([
      ['10.0.0.0-10.0.0.3', 's:b'],
    ]);
  });

  const turn = fc.record({ id: fc.constantFrom(...ids), text: fc.constantFrom(...texts) });
  const step = fc.record({
    turns: fc.array(turn, { maxLength: 4 }),
    present: fc.oneof({ weight: 4, arbitrary: fc.constant(ids) }, { weight: 1, arbitrary: fc.subarray(ids) }),
    isFromNewMaps: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  });

  it.each([
    ['numbers that are far apart', spreadKey],
    ['numbers that collide', narrowSpread],
  ] as const)('are those of reading anew, whatever came before: %s', (_, spread) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        let live: Live = new Map(ids.map((id) => [id, new Map<string, Prefix>()]));
        const classes = new AddressClasses(4, spread);
        const known = new Map<number, string>();
        for (const { turns, present, isFromNewMaps } of steps) {
          if (isFromNewMaps) live = new Map([...live].map(([id, members]) => [id, new Map(members)]));
          const moved = new Map<string, Prefix[]>();
          for (const { id, text } of turns) {
            const member = prefix(text);
            const members = live.get(id);
            if (members && !members.delete(text)) members.set(text, member);
            moved.set(id, [...(moved.get(id) ?? []), member]);
          }
          const { came, went } = classes.update(setsOf(live, present), moved);
          for (const each of went) known.delete(each.number);
          for (const each of came) known.set(each.number, each.ids.join(' '));
          const afresh = new AddressClasses(4, spread);
          afresh.update(setsOf(live, present), new Map());
          expect(contents(classes)).toBe(contents(afresh));
          expect(classList(classes)).toBe(classList(afresh));
          expect(
            [...known]
              .map(([number, text]) => `${number} ${text}`)
              .sort()
              .join('\n'),
          ).toBe(classList(afresh));
        }
      }),
      { seed: 11, numRuns: 200 },
    );
  });

  it('keep their numbers when others come and go', () => {
    const live = new Map(ids.map((id) => [id, new Map([['10.0.0.1/32', prefix('10.0.0.1/32')]])]));
    const classes = new AddressClasses(4);
    const sets = setsOf(live);
    classes.update(sets, new Map());
    const number = classes.hosts.get('10.0.0.1');
    live.get('s:a')?.set('10.0.0.2/32', prefix('10.0.0.2/32'));
    classes.update(sets, new Map([['s:a', [prefix('10.0.0.2/32')]]]));
    expect(classes.hosts.get('10.0.0.1')).toBe(number);
  });
});

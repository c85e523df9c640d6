import { describe, expect, it } from 'vitest';
import type { AddressClass } from './address-classes.ts';
import { SideSelectors } from './selector-groups.ts';

const ids = Array.from({ length: 8 }, (_, i) => `s:${i}`);
const oneRuleEach = new Map(ids.map((id) => [id, 1]));

function addressClass(number: number, ...selectors: readonly string[]): AddressClass {
  return { number, ids: selectors, key: [{ kind: 'class', class: number }] };
}

/** Classes that meet the first selector, and others that the list does not ask. */
function alike(count: number): readonly AddressClass[] {
  return Array.from({ length: count }, (_, i) => addressClass(i, 's:0', `t:${i}`));
}

describe('selectors of a nested dispatch', () => {
  it('stand in a group until their classes are too many, and again when few enough are left', () => {
    const side = new SideSelectors(oneRuleEach, true);
    const heard = alike(100).map((each) => side.count(each, 1));
    expect(heard).not.toContain(false);
    expect(side.groups()).toEqual([]);
    for (const each of alike(100).slice(40)) expect(side.count(each, -1)).toBe(true);
    expect(side.groups().map((group) => group.ids.size)).toEqual([8]);
  });
});

describe('selectors of a list', () => {
  it('do not mind how many classes are alike to them', () => {
    const side = new SideSelectors(oneRuleEach, false);
    expect(
      alike(5000)
        .map((each) => side.count(each, 1))
        .filter(Boolean),
    ).toHaveLength(1);
    expect(side.groups()).toEqual([{ ids: new Set(ids), combinations: 1 }]);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Prefix, parseAddressOrCidr } from '../../net/prefix.ts';
import { evaluateSelector } from '../../resources/selector/evaluate.ts';
import { parseSelector } from '../../resources/selector/parse.ts';
import type { Selector } from '../../resources/selector/selector.ts';
import { LabelIndex, type PortQuery } from './label-index.ts';
import type { NamedPort, Owner } from './owner.ts';
import { constraintOn, requiredPostings } from './requirement.ts';

function selector(text: string): Selector {
  const result = parseSelector(text);
  if (!result.ok) throw new Error(`${text}: ${result.error.message}`);
  return result.value;
}

function prefix(text: string): Prefix {
  const parsed = parseAddressOrCidr(text);
  if (!parsed) throw new Error(text);
  return parsed;
}

function owner(id: string, labels: Record<string, string>, prefixes: string[], ports: NamedPort[] = []): Owner {
  return { id, labels: new Map(Object.entries(labels)), prefixes: prefixes.map(prefix), ports };
}

function keys(members: ReadonlyMap<string, unknown>): string[] {
  return [...members.keys()].sort();
}

const http = { name: 'http', protocol: 6, port: 8080 };

describe('members', () => {
  it('are found whichever of selector and owner came first', () => {
    const index = new LabelIndex();
    index.addSelector('before', selector('app == "web"'));
    index.setOwner(owner('a', { app: 'web' }, ['10.0.0.1', 'fd00::1']));
    index.addSelector('after', selector('app == "web"'));
    expect(keys(index.members('before'))).toEqual(['10.0.0.1/32', 'fd00::1/128']);
    expect(keys(index.members('after'))).toEqual(keys(index.members('before')));
  });

  it('keep an address that another owner still brings', () => {
    const index = new LabelIndex();
    index.addSelector('s', selector('app == "web"'));
    index.setOwner(owner('a', { app: 'web' }, ['10.0.0.1', '10.0.0.1']));
    index.setOwner(owner('b', { app: 'web' }, ['10.0.0.1']));
    index.removeOwner('a');
    expect(keys(index.members('s'))).toEqual(['10.0.0.1/32']);
    index.setOwner(owner('b', { app: 'db' }, ['10.0.0.1']));
    expect(keys(index.members('s'))).toEqual([]);
  });

  it('are the named ports of matching owners, of the protocol asked for or of each own', () => {
    const index = new LabelIndex();
    index.setOwner(
      owner(
        'a',
        {},
        ['10.0.0.1'],
        [http, { name: 'http', protocol: 17, port: 8080 }, { name: 'x', protocol: 6, port: 1 }],
      ),
    );
    index.setOwner(owner('b', {}, ['10.0.0.2']));
    index.addPortSet('tcp', selector('all()'), { name: 'http', protocol: 6 });
    index.addPortSet('any', selector('all()'), { name: 'http', protocol: undefined });
    expect(keys(index.portMembers('tcp'))).toEqual(['10.0.0.1/32,6:8080']);
    expect(keys(index.portMembers('any'))).toEqual(['10.0.0.1/32,17:8080', '10.0.0.1/32,6:8080']);
    expect(keys(index.members('tcp'))).toEqual([]);
  });
});

describe('deltas', () => {
  function watched(): LabelIndex {
    const index = new LabelIndex();
    index.addSelector('s', selector('app == "web"'));
    index.setOwner(owner('a', { app: 'web' }, ['10.0.0.1']));
    expect(index.takeDeltas()).toEqual([]); // a new set is read whole
    return index;
  }

  it('tell exactly what moved', () => {
    const index = watched();
    index.setOwner(owner('b', { app: 'web' }, ['10.0.0.3', '10.0.0.2']));
    index.removeOwner('a');
    expect(index.takeDeltas()).toEqual([
      { kind: 'addresses', setId: 's', added: [prefix('10.0.0.2'), prefix('10.0.0.3')], removed: [prefix('10.0.0.1')] },
    ]);
    expect(index.takeDeltas()).toEqual([]);
  });

  it('are silent about what came and went, and about an address that changed owner', () => {
    const index = watched();
    index.setOwner(owner('b', { app: 'web' }, ['10.0.0.9']));
    index.removeOwner('b');
    index.setOwner(owner('c', { app: 'web' }, ['10.0.0.1']));
    index.removeOwner('a');
    expect(index.takeDeltas()).toEqual([]);
  });

  it('follow an owner whose addresses or ports move', () => {
    const index = new LabelIndex();
    index.addSelector('s', selector('all()'));
    index.addPortSet('p', selector('all()'), { name: 'http', protocol: 6 });
    index.setOwner(owner('a', {}, ['10.0.0.1'], [http]));
    index.takeDeltas();
    index.setOwner(owner('a', {}, ['10.0.0.1'], [{ ...http, port: 80 }]));
    expect(index.takeDeltas().map(({ setId, added, removed }) => [setId, added.length, removed.length])).toEqual([
      ['p', 1, 1],
    ]);
    index.setOwner(owner('a', {}, ['10.0.0.2'], [{ ...http, port: 80 }]));
    expect(index.takeDeltas().map(({ setId, added, removed }) => [setId, added.length, removed.length])).toEqual([
      ['p', 1, 1],
      ['s', 1, 1],
    ]);
  });

  it('end with a set that only looks at a label', () => {
    const index = new LabelIndex();
    index.addSelector('s', selector('!has(x)'));
    index.setOwner(owner('a', { x: '1' }, ['10.0.0.1']));
    index.removeSelector('s');
    index.setOwner(owner('a', {}, ['10.0.0.1']));
    index.setOwner(owner('b', {}, ['10.0.0.2']));
    expect(index.takeDeltas()).toEqual([]);
  });

  it('end with the set', () => {
    const index = watched();
    index.removeSelector('s');
    index.setOwner(owner('b', { app: 'web' }, ['10.0.0.2']));
    index.removeOwner('a');
    expect(index.takeDeltas()).toEqual([]);
    expect(keys(index.members('s'))).toEqual([]);
  });
});

describe('what a selector demands', () => {
  it.each([
    ['a == "x"', { a: ['x'] }, 'a=x'],
    ['a in {"x", "y"}', { a: ['x', 'y'] }, 'a=x a=y'],
    ['a in {}', { a: [] }, ''],
    ['has(a)', { a: 'present' }, 'a'],
    ['a contains "x"', { a: 'present' }, 'a'],
    ['a != "x"', { a: 'free' }, undefined],
    ['!has(a)', { a: 'free' }, undefined],
    ['!a != "x"', { a: ['x'] }, 'a=x'],
    ['!(a != "x" || b not in {"y"})', { a: ['x'], b: ['y'] }, 'a=x'],
    ['!(a != "x" && b != "y")', { a: 'free', b: 'free' }, 'a=x b=y'],
    ['a == "x" && has(b)', { a: ['x'], b: 'present' }, 'a=x'],
    ['a in {"x", "y"} && a in {"y", "z"}', { a: ['y'] }, 'a=x a=y'],
    ['a == "x" || b == "y"', { a: 'free', b: 'free' }, 'a=x b=y'],
    ['a == "x" || a == "y"', { a: ['x', 'y'] }, 'a=x a=y'],
    ['a == "x" || has(a)', { a: 'present' }, 'a=x a'],
    ['a == "x" || !has(b)', { a: 'free', b: 'free' }, undefined],
    ['all()', { a: 'free' }, undefined],
    ['!all()', { a: [] }, ''],
  ])('%s', (text, constraints, postings) => {
    for (const [key, expected] of Object.entries(constraints)) {
      const constraint = constraintOn(selector(text), key);
      expect(typeof constraint === 'string' ? constraint : [...constraint].sort()).toEqual(expected);
    }
    const required = requiredPostings(selector(text), () => 1);
    expect(required?.map(({ key, value }) => (value === undefined ? key : `${key}=${value}`)).join(' ')).toBe(postings);
  });
});

describe('what a change costs', () => {
  /** Labels that count how often a selector reads them. */
  class CountedLabels extends Map<string, string> {
    static reads = 0;
    override get(key: string): string | undefined {
      CountedLabels.reads++;
      return super.get(key);
    }
  }
  const counted = (labels: Record<string, string>): Owner => ({
    ...owner('o', {}, ['10.0.0.1']),
    labels: new CountedLabels(Object.entries(labels)),
  });
  const reads = (act: () => void): number => {
    CountedLabels.reads = 0;
    act();
    return CountedLabels.reads;
  };

  it('is that of the selectors the changed label can affect, not of all', () => {
    const index = new LabelIndex();
    for (let i = 0; i < 1000; i++) index.addSelector(`s${i}`, selector(`env == "prod" && app == "a${i}" && !has(x)`));
    expect(reads(() => index.setOwner(counted({ env: 'prod', app: 'a1' })))).toBeLessThan(20);
    expect(reads(() => index.setOwner(counted({ env: 'prod', app: 'a2' })))).toBeLessThan(20);
    expect(reads(() => index.setOwner(counted({ env: 'prod', app: 'a2', other: 'y' })))).toBeLessThan(20);
    expect(keys(index.members('s2'))).toEqual(['10.0.0.1/32']);
  });

  it('of a new selector is that of the owners that carry what it demands', () => {
    const index = new LabelIndex();
    for (let i = 0; i < 1000; i++) index.setOwner({ ...counted({ env: 'prod', app: `a${i}` }), id: `o${i}` });
    index.addSelector('warm', selector('env == "dev" && app == "none"')); // lists the owners by both labels
    expect(reads(() => index.addSelector('s', selector('env == "prod" && app in {"a1", "a2"}')))).toBeLessThan(20);
    expect(keys(index.members('s'))).toEqual(['10.0.0.1/32']);
  });
});

describe('whatever happens, the index equals naive evaluation', () => {
  const texts = [
    ...[
      'all()',
      '!all()',
      'a == "1"',
      'a != "1"',
      'has(b)',
      '!has(b)',
      'a in {"1","2"} && has(b)',
      'a == "1" || b == "2"',
    ],
    ...['!(a != "1" || b != "1")', 'a not in {"1"} && b contains "1"', '(a == "1" || a == "2") && !has(c)', 'c in {}'],
    ...['c starts with ""', 'a == "2" && b == "2" && c == "2"', '!(has(a) && has(c))', 'b ends with "2" || !has(a)'],
  ];
  const ports: readonly PortQuery[] = [
    { name: 'http', protocol: 6 },
    { name: 'http', protocol: undefined },
  ];
  const value = fc.constantFrom('1', '2', '12');
  const labels = fc.record({ a: value, b: value, c: value }, { requiredKeys: [] });
  const address = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.0/24', 'fd00::1');
  const port = fc.constantFrom<NamedPort>(http, { ...http, protocol: 17 }, { ...http, name: 'dns' });
  const id = fc.constantFrom('o1', 'o2', 'o3', 'o4');
  const text = fc.constantFrom(...texts);
  type Step =
    | { do: 'set'; owner: Owner }
    | { do: 'drop'; id: string }
    | { do: 'select' | 'forget'; text: string }
    | { do: 'take' };
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 5,
      arbitrary: fc
        .tuple(id, labels, fc.array(address, { maxLength: 3 }), fc.array(port, { maxLength: 2 }))
        .map(([i, l, addresses, p]): Step => ({ do: 'set', owner: owner(i, l, addresses, p) })),
    },
    id.map((i): Step => ({ do: 'drop', id: i })),
    { weight: 2, arbitrary: text.map((t): Step => ({ do: 'select', text: t })) },
    text.map((t): Step => ({ do: 'forget', text: t })),
    fc.constant<Step>({ do: 'take' }),
  );

  function register(index: LabelIndex, t: string): void {
    index.addSelector(`s:${t}`, selector(t));
    for (const [i, query] of ports.entries()) index.addPortSet(`p${i}:${t}`, selector(t), query);
  }

  function naive(owners: Iterable<Owner>, t: string): string[] {
    const found = new Set<string>();
    for (const o of owners)
      if (evaluateSelector(selector(t), o.labels))
        for (const p of o.prefixes) found.add(JSON.stringify([String(p.bits), p.length]));
    return [...found].sort();
  }

  it('members, ports and the sum of all deltas', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const index = new LabelIndex();
        const owners = new Map<string, Owner>();
        const selected = new Set<string>();
        const replayed = new Map<string, Set<string>>();
        const take = (): void => {
          for (const { setId, added, removed } of index.takeDeltas()) {
            const replay = replayed.get(setId);
            for (const member of removed) expect(replay?.delete(show(member)), 'removed what was there').toBe(true);
            for (const member of added) replay?.add(show(member));
          }
          for (const setId of index.setIds()) {
            const now = new Set([...index.members(setId).values(), ...index.portMembers(setId).values()].map(show));
            if (replayed.has(setId)) expect([...(replayed.get(setId) ?? [])].sort()).toEqual([...now].sort());
            replayed.set(setId, now);
          }
        };
        for (const s of steps) {
          if (s.do === 'set') {
            owners.set(s.owner.id, s.owner);
            index.setOwner(s.owner);
          } else if (s.do === 'drop') {
            owners.delete(s.id);
            index.removeOwner(s.id);
          } else if (s.do === 'take') take();
          else if (s.do === 'select') {
            selected.add(s.text);
            register(index, s.text);
          } else {
            selected.delete(s.text);
            index.removeSelector(`s:${s.text}`);
            for (const i of ports.keys()) index.removeSelector(`p${i}:${s.text}`);
            for (const setId of replayed.keys()) if (setId.endsWith(`:${s.text}`)) replayed.delete(setId);
          }
        }
        take();
        const rebuilt = new LabelIndex();
        for (const t of selected) register(rebuilt, t);
        for (const o of owners.values()) rebuilt.setOwner(o);
        for (const t of selected) {
          const members = [...index.members(`s:${t}`).values()];
          expect(members.map((p) => JSON.stringify([String(p.bits), p.length])).sort()).toEqual(
            naive(owners.values(), t),
          );
          for (const i of ports.keys()) {
            expect(keys(index.portMembers(`p${i}:${t}`))).toEqual(keys(rebuilt.portMembers(`p${i}:${t}`)));
          }
        }
      }),
      { seed: 7, numRuns: 400 },
    );
  });

  function show(member: unknown): string {
    return JSON.stringify(member, (_key, v: unknown) => (typeof v === 'bigint' ? String(v) : v));
  }
});

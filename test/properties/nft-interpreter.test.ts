import { describe, expect, it } from 'vitest';
import { prefix } from '../../src/net/literals.fixture.ts';
import type { Chain, Match, Outcome, Rule, Ruleset, Statement } from '../../src/nftables/ruleset.ts';
import { packet, passage } from '../../src/verdict/policy.fixture.ts';
import { interpretRuleset, type PortlessBytes } from './nft-interpreter.ts';

function rule(matches: readonly Match[], outcome?: Outcome, ...statements: readonly Statement[]): Rule {
  return { matches, statements, ...(outcome ? { outcome } : {}) };
}

function ruleset(chains: readonly Chain[], more: Partial<Ruleset> = {}): Ruleset {
  return {
    sets: new Map(),
    maps: new Map(),
    classes: new Map(),
    chains: new Map(chains.map((each) => [each.name, each])),
    ...more,
  };
}

const drop = { kind: 'drop' } as const;
const accept = { kind: 'accept' } as const;
const web = packet('10.0.0.1', '10.0.0.2', 'tcp/80');

function input(...rules: readonly Rule[]): Chain {
  return { name: 'input', base: { hook: 'input', priority: 0 }, rules };
}

describe('the interpreter', () => {
  const isTcp: Match = { kind: 'protocol', negated: false, protocols: [6] };
  const isNew: Match = { kind: 'ct-state', states: ['new'] };
  const called: Chain = { name: 'called', rules: [rule([isTcp], { kind: 'return' }), rule([], drop)] };
  const jump = rule([], { kind: 'jump', chain: 'called' });
  const goto = rule([], { kind: 'goto', chain: 'called' });

  it.each<[string, Ruleset, string]>([
    ['accepts what no rule stops', ruleset([input()]), 'accept'],
    ['needs all matches', ruleset([input(rule([isTcp, { kind: 'family', family: 6 }], drop))]), 'accept'],
    ['goes on after a rule without outcome', ruleset([input(rule([]), rule([isTcp], drop))]), 'drop'],
    ['comes back from a jump', ruleset([input(jump, rule([], drop)), called]), 'drop'],
    ['does not come back from a goto', ruleset([input(goto, rule([], drop)), called]), 'accept'],
    [
      'asks later base chains after an accept',
      ruleset([
        input(rule([], drop)),
        { name: 'raw', base: { hook: 'prerouting', priority: -300 }, rules: [rule([], accept)] },
      ]),
      'drop',
    ],
    [
      'makes a packet untracked in raw',
      ruleset([
        { name: 'raw', base: { hook: 'prerouting', priority: -300 }, rules: [rule([], accept, { kind: 'notrack' })] },
        input(rule([{ kind: 'ct-state', states: ['untracked'] }], drop)),
      ]),
      'drop',
    ],
    [
      'reads and writes marks by their bits',
      ruleset([
        input(
          rule([], undefined, { kind: 'mark', clear: 0xff000000, set: 0x02000000 }),
          rule([{ kind: 'mark', mask: 0x01000000, isSet: true }], accept),
          rule([{ kind: 'mark', mask: 0x03000000, isSet: true }], drop),
        ),
      ]),
      'drop',
    ],
    [
      'looks up verdicts by state',
      ruleset([
        input(
          rule([], {
            kind: 'ct-state-lookup',
            verdicts: [
              ['established', accept],
              ['new', drop],
            ],
          }),
        ),
      ]),
      'drop',
    ],
  ])('%s', (_, given, expected) => {
    expect(interpretRuleset(given, passage('eth0 → local'), web).verdict).toBe(expected);
  });

  it.each<[string, Ruleset, RegExp]>([
    ['a missing chain', ruleset([input(jump)]), /no chain called/],
    ['a jump to a base chain', ruleset([input(rule([], { kind: 'jump', chain: 'input' }))]), /base chain/],
    ['endless jumps', ruleset([input(jump), { name: 'called', rules: [jump] }]), /jumps deep/],
    [
      'reject before routing',
      ruleset([{ name: 'p', base: { hook: 'prerouting', priority: -150 }, rules: [rule([], { kind: 'reject' })] }]),
      /reject in prerouting/,
    ],
    [
      'ct state before conntrack',
      ruleset([{ name: 'raw', base: { hook: 'prerouting', priority: -300 }, rules: [rule([isNew], drop)] }]),
      /before conntrack/,
    ],
    ['notrack after it', ruleset([input(rule([], undefined, { kind: 'notrack' }))]), /after conntrack/],
    [
      'the outbound interface on input',
      ruleset([input(rule([{ kind: 'interface', side: 'out', negated: false, names: ['eth0'] }], drop))]),
      /no outbound/,
    ],
    [
      'foreign mark bits',
      ruleset([input(rule([], undefined, { kind: 'mark', clear: 0x40, set: 0 }))]),
      /bits of others/,
    ],
    ['a missing map', ruleset([input(rule([], { kind: 'lookup', map: 'm', fields: [] }))]), /no map m/],
  ])('refuses %s', (_, given, expected) => {
    expect(() => interpretRuleset(given, passage('eth0 → local'), web)).toThrow(expected);
  });
});

describe('a lookup', () => {
  const fields = [
    { kind: 'address', family: 4, side: 'source' },
    { kind: 'port', side: 'destination' },
  ] as const;
  const verdicts = {
    name: 'm',
    fields,
    isInterval: true,
    elements: new Map([
      [
        'any',
        {
          key: [
            { kind: 'prefix', prefix: prefix('10.0.0.0/8') },
            { kind: 'range', first: 80, last: 81 },
          ],
          verdict: drop,
          comment: 'that one',
        },
      ],
    ] as const),
  };
  const given = ruleset([input(rule([], { kind: 'lookup', map: 'm', fields }))], { maps: new Map([['m', verdicts]]) });

  it.each([
    ['inside', 'tcp/81', 'drop'],
    ['outside', 'tcp/82', 'accept'],
  ])('finds what is inside: %s', (_, what, expected) => {
    const answer = interpretRuleset(given, passage('eth0 → local'), packet('10.9.9.9', '10.0.0.2', what));
    expect(answer).toEqual({ verdict: expected, comments: expected === 'drop' ? ['that one'] : [] });
  });

  it('finds nothing for the other family', () => {
    expect(interpretRuleset(given, passage('eth0 → local'), packet('::1', '::2', 'tcp/80')).verdict).toBe('accept');
  });

  it.each<[PortlessBytes, string]>([
    ['too short', 'accept'],
    [{ sourcePort: 0, destinationPort: 80 }, 'drop'],
  ])('reads bytes as ports where there are none: %o', (bytes, expected) => {
    const gre = packet('10.9.9.9', '10.0.0.2', '47');
    expect(interpretRuleset(given, passage('eth0 → local'), gre, bytes).verdict).toBe(expected);
  });
});

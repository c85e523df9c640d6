/** One ruleset with each kind of match, statement, outcome, set, map and key that there is, for the real kernel. */
import type { Family } from '../../../src/net/address.ts';
import { type Prefix, parseAddressOrCidr, printPrefix } from '../../../src/net/prefix.ts';
import { printKey } from '../../../src/nftables/keys.ts';
import {
  type Chain,
  type ClassMap,
  type Field,
  firstClass,
  type Key,
  type MapElement,
  type Match,
  type NftSet,
  type Rule,
  type Ruleset,
  type VerdictMap,
} from '../../../src/nftables/ruleset.ts';

const v4 = ['10.0.0.1', '10.0.0.2', '192.0.2.255'];
const v6 = ['2001:db8::1', '::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'];
const nets4 = ['0.0.0.0/9', '10.0.0.0/8', '11.0.0.0/8', '172.16.0.0/12', '192.0.2.7/32', '255.0.0.0/8'];
const nets6 = ['::/16', '2001:db8::/32', '2001:db9::/33', '2001:dba::1/128', 'ff00::/8'];

function prefixes(texts: readonly string[]): readonly Prefix[] {
  return texts.map((text) => {
    const prefix = parseAddressOrCidr(text);
    if (!prefix) throw new Error(text);
    return prefix;
  });
}

function addressSet(name: string, family: Family, holds: 'hosts' | 'prefixes', texts: readonly string[]): NftSet {
  const elements = new Map(prefixes(texts).map((prefix) => [printPrefix(prefix), prefix]));
  return { kind: 'addresses', name, family, holds, elements };
}

function verdictMap(name: string, fields: readonly Field[], isInterval: boolean, keys: readonly Key[]): VerdictMap {
  const elements = keys.map((key, at): MapElement => {
    const verdict = verdicts[at % verdicts.length] ?? { kind: 'drop' };
    return at % 2 === 0 ? { key, verdict, comment: `map ingress[${at}]` } : { key, verdict };
  });
  return { name, fields, isInterval, elements: new Map(elements.map((element) => [printKey(element.key), element])) };
}

const verdicts = [
  { kind: 'accept' },
  { kind: 'drop' },
  { kind: 'return' },
  { kind: 'jump', chain: 'target' },
  { kind: 'goto', chain: 'target' },
] as const;

function classMap(name: string, family: Family, isInterval: boolean, keys: readonly string[]): ClassMap {
  return { name, family, isInterval, classes: new Map(keys.map((key, at) => [key, firstClass + at * 70_000])) };
}

const source = (family: Family): Field => ({ kind: 'address', family, side: 'source' });
const destination = (family: Family): Field => ({ kind: 'address', family, side: 'destination' });
const protocol: Field = { kind: 'protocol' };
const sourcePort: Field = { kind: 'port', side: 'source' };
const destinationPort: Field = { kind: 'port', side: 'destination' };
const inbound: Field = { kind: 'interface', side: 'in' };
const outbound: Field = { kind: 'interface', side: 'out' };
const classField: Field = { kind: 'class' };

const range = (first: number, last: number) => ({ kind: 'range', first, last }) as const;
const net = (text: string) => ({ kind: 'prefix', prefix: prefixes([text])[0] as Prefix }) as const;
const name = (text: string) => ({ kind: 'name', name: text }) as const;
const note = (number: number) => ({ kind: 'class', class: firstClass + number }) as const;

const fullFields = (family: Family) => [source(family), destination(family), protocol, sourcePort, destinationPort];

const maps: readonly VerdictMap[] = [
  verdictMap('m-full-4', fullFields(4), true, [
    [net('10.0.0.0/8'), net('0.0.0.0/0'), range(6, 17), range(0, 65535), range(80, 90)],
    [net('11.0.0.1/32'), net('12.0.0.0/31'), range(6, 6), range(1, 1), range(443, 443)],
  ]),
  verdictMap('m-full-6', fullFields(6), true, [
    [net('2001:db8::/32'), net('::/0'), range(0, 255), range(0, 65535), range(80, 90)],
    [net('2001:db9::1/128'), net('2001:db8::/127'), range(6, 6), range(1, 2), range(443, 443)],
  ]),
  verdictMap('m-ports', [protocol, destinationPort], true, [
    [range(6, 6), range(80, 80)],
    [range(17, 17), range(53, 54)],
    [range(132, 132), range(0, 65535)],
  ]),
  verdictMap(
    'm-source',
    [source(4)],
    true,
    nets4.map((text) => [net(text)]),
  ),
  verdictMap(
    'm-destination',
    [destination(6)],
    true,
    nets6.map((text) => [net(text)]),
  ),
  verdictMap('m-protocol', [protocol], true, [[range(0, 5)], [range(6, 17)], [range(255, 255)]]),
  verdictMap('m-port', [destinationPort], true, [[range(1, 1)], [range(2, 3)], [range(65000, 65535)]]),
  verdictMap('m-in', [inbound], false, [[name('eth0')], [name('a-long-name.100')], [name('lo')]]),
  verdictMap('m-pair', [outbound, inbound], false, [[name('eth0'), name('eth1')]]),
  verdictMap('m-class', [classField], false, [[note(0)], [note(1)], [note(65_537)], [note(2)]]),
  verdictMap('m-class-port', [classField, destinationPort], true, [
    [note(3), range(5, 9)],
    [note(70_000), range(1, 1)],
  ]),
  { ...verdictMap('m-uncounted', [classField], false, []), isUncounted: true },
];

const sets: readonly NftSet[] = [
  addressSet('s-hosts-4', 4, 'hosts', v4),
  addressSet('s-hosts-6', 6, 'hosts', v6),
  addressSet('s-nets-4', 4, 'prefixes', nets4),
  addressSet('s-nets-6', 6, 'prefixes', nets6),
  addressSet('s-none', 6, 'prefixes', []),
  addressSet('s-all', 4, 'prefixes', ['0.0.0.0/0']),
  {
    kind: 'tuples',
    name: 's-tuples',
    fields: [destination(6), protocol, destinationPort],
    elements: new Map([
      ['a', [net('2001:db8::1/128'), range(6, 6), range(80, 80)]],
      ['b', [net('2001:db8::2/128'), range(6, 6), range(1, 65535)]],
    ]),
  },
];

const classes: readonly ClassMap[] = [
  classMap('c-hosts-4', 4, false, v4),
  classMap('c-hosts-6', 6, false, v6),
  classMap('c-nets-4', 4, true, [
    '10.0.0.0-10.255.255.255',
    '11.0.0.7',
    '11.0.0.8-11.0.0.9',
    '255.0.0.0-255.255.255.255',
  ]),
  classMap('c-nets-6', 6, true, ['::', '2001:db8::-2001:db8::ffff', 'ff00::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff']),
];

const pins = (...protocols: number[]): Match => ({ kind: 'protocol', negated: false, protocols });

const matches: readonly (readonly Match[])[] = [
  ...([4, 6] as const).map((family): readonly Match[] => [{ kind: 'family', family }]),
  ...[false, true].flatMap((negated): (readonly Match[])[] => [
    ...nets4.map((text): Match[] => [
      { kind: 'address', family: 4, side: 'source', negated, in: { prefixes: prefixes([text]) } },
    ]),
    ...nets6.map((text): Match[] => [
      { kind: 'address', family: 6, side: 'destination', negated, in: { prefixes: prefixes([text]) } },
    ]),
    [{ kind: 'address', family: 4, side: 'source', negated, in: { prefixes: prefixes(v4) } }],
    [{ kind: 'address', family: 6, side: 'source', negated, in: { prefixes: prefixes(v6) } }],
    [{ kind: 'address', family: 4, side: 'destination', negated, in: { prefixes: prefixes(nets4) } }],
    [{ kind: 'address', family: 6, side: 'destination', negated, in: { prefixes: prefixes(nets6) } }],
    [{ kind: 'address', family: 6, side: 'destination', negated, in: { prefixes: prefixes(['::/1', '8000::/1']) } }],
    [
      {
        kind: 'address',
        family: 4,
        side: 'destination',
        negated,
        in: { prefixes: prefixes(['10.0.0.0/8', '10.1.0.0/16']) },
      },
    ],
    [{ kind: 'address', family: 4, side: 'source', negated, in: { prefixes: prefixes(['0.0.0.0/0']) } }],
    [{ kind: 'address', family: 6, side: 'source', negated, in: { prefixes: prefixes(['::/0']) } }],
    [{ kind: 'address', family: 4, side: 'destination', negated, in: { set: 's-hosts-4' } }],
    [{ kind: 'address', family: 6, side: 'source', negated, in: { set: 's-nets-6' } }],
    [{ kind: 'protocol', negated, protocols: [6] }],
    [{ kind: 'protocol', negated, protocols: [6, 7, 8] }],
    [{ kind: 'protocol', negated, protocols: [6, 17, 132, 133] }],
    [pins(6, 17), { kind: 'port', side: 'source', negated, ranges: [{ first: 22, last: 22 }] }],
    [pins(6), { kind: 'port', side: 'destination', negated, ranges: [{ first: 22, last: 30 }] }],
    [
      pins(17),
      {
        kind: 'port',
        side: 'destination',
        negated,
        ranges: [
          { first: 0, last: 3 },
          { first: 65535, last: 65535 },
        ],
      },
    ],
    [
      pins(17),
      {
        kind: 'port',
        side: 'destination',
        negated,
        ranges: [
          { first: 9, last: 9 },
          { first: 7, last: 7 },
        ],
      },
    ],
    ...([4, 6] as const).flatMap((family): Match[][] => [
      [{ kind: 'icmp', family, field: 'type', negated, first: 8, last: 8 }],
      [{ kind: 'icmp', family, field: 'code', negated, first: 1, last: 3 }],
      [pins(family === 4 ? 1 : 58), { kind: 'icmp', family, field: 'type', negated, first: 3, last: 3 }],
      [
        { kind: 'family', family },
        { kind: 'icmp', family, field: 'type', negated, first: 3, last: 3 },
        { kind: 'icmp', family, field: 'code', negated, first: 4, last: 4 },
      ],
    ]),
    [{ kind: 'interface', side: 'in', negated, names: ['eth0'] }],
    [{ kind: 'interface', side: 'out', negated, names: ['eth0', 'a-long-name.100'] }],
    [{ kind: 'tuple', fields: [destination(6), protocol, destinationPort], negated, set: 's-tuples' }],
  ]),
  [{ kind: 'interface-prefix', side: 'in', prefix: 'cali' }],
  [{ kind: 'interface-prefix', side: 'out', prefix: 'e' }],
  [{ kind: 'ct-state', states: ['new'] }],
  [{ kind: 'ct-state', states: ['established', 'related', 'invalid', 'untracked'] }],
  [{ kind: 'ct-dnat', isSet: true }],
  [{ kind: 'ct-dnat', isSet: false }],
  [{ kind: 'tcp-syn' }],
  [{ kind: 'family', family: 6 }, { kind: 'tcp-syn' }, { kind: 'segment-size-above', size: 1398 }],
  [{ kind: 'mark', mask: 0x00f00000, isSet: true }],
  [{ kind: 'mark', mask: 0x80000000, isSet: false }],
];

const rules: readonly Rule[] = [
  ...matches.map((match, at): Rule => {
    const outcome = verdicts[at % verdicts.length];
    return {
      matches: match,
      statements: at % 3 === 0 ? [{ kind: 'counter' }] : [],
      ...(outcome && at % 4 !== 3 ? { outcome } : {}),
      ...(at % 2 === 0 ? { comment: `NetworkPolicy/default.everything ingress[${at}]` } : {}),
    };
  }),
  ...([[], [{ kind: 'family', family: 4 }], [{ kind: 'family', family: 6 }], [pins(6)]] as const).map(
    (match): Rule => ({ matches: match, statements: [{ kind: 'counter' }], outcome: { kind: 'reject' } }),
  ),
  {
    matches: [{ kind: 'address', family: 6, side: 'source', negated: false, in: { set: 's-nets-6' } }],
    statements: [{ kind: 'log', group: 100, prefix: 'deny eth0 x', snaplen: 128 }],
    outcome: { kind: 'reject' },
  },
  ...(['second', 'minute', 'hour', 'day'] as const).map((per, at): Rule => {
    return { matches: [], statements: [{ kind: 'limit', count: 10 + at, per, burst: 5 + at }, { kind: 'notrack' }] };
  }),
  {
    matches: [{ kind: 'tcp-syn' }, { kind: 'segment-size-above', size: 65_000 }],
    statements: [{ kind: 'counter' }, { kind: 'segment-size', size: 536 }],
  },
  { matches: [], statements: [{ kind: 'tell-end-only' }] },
  { matches: [], statements: [{ kind: 'mark', clear: 0, set: 0x10 }] },
  { matches: [], statements: [{ kind: 'mark', clear: 0xff, set: 0 }] },
  { matches: [], statements: [{ kind: 'mark', clear: 0xf0, set: 0x1000 }] },
  { matches: [], statements: [{ kind: 'no-class' }], outcome: { kind: 'goto', chain: 'target' } },
  ...classes.map((map): Rule => {
    return {
      matches: [],
      statements: [{ kind: 'class', family: map.family, side: 'source', map: map.name }],
      outcome: { kind: 'lookup', map: 'm-class', fields: [classField] },
    };
  }),
  ...maps.map(
    ({ name: map, fields }): Rule => ({ matches: [], statements: [], outcome: { kind: 'lookup', map, fields } }),
  ),
  {
    matches: [],
    statements: [],
    outcome: {
      kind: 'ct-state-lookup',
      verdicts: [
        ['established', { kind: 'accept' }],
        ['related', { kind: 'goto', chain: 'target' }],
        ['untracked', { kind: 'drop' }],
      ],
    },
  },
];

const chains: readonly Chain[] = [
  { name: 'target', rules: [{ matches: [], statements: [], outcome: { kind: 'return' } }] },
  { name: 'empty', rules: [] },
  { name: 'rules', rules },
  ...(['prerouting', 'input', 'forward', 'output', 'postrouting'] as const).flatMap((hook) =>
    ([-300, -150, 0] as const).map((priority): Chain => {
      const jump: Rule = { matches: [], statements: [], outcome: { kind: 'jump', chain: 'empty' } };
      return { name: `${hook}${priority}`, base: { hook, priority }, rules: [jump] };
    }),
  ),
];

function named<T extends { readonly name: string }>(objects: readonly T[]): ReadonlyMap<string, T> {
  return new Map(objects.map((object) => [object.name, object]));
}

export const everythingRuleset: Ruleset = {
  sets: named(sets),
  maps: named(maps),
  classes: named(classes),
  chains: named(chains),
};

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AttributeWriter } from '../../netlink/attributes.ts';
import { type Message, readMessages, subsystems, writeMessage } from '../../netlink/message.ts';
import { payloadBases } from '../netlink/encode/numbers.ts';
import { type FindElement, followRule, type TracedPacket } from './follow-lookup.ts';
import { isAtItsEnd, type KernelNames, observePacket } from './observe-packet.ts';
import {
  type KernelElement,
  type KernelRule,
  readChainName,
  readElements,
  readRule,
  readSetHead,
  readTraceEvent,
  type TraceEvent,
} from './read-trace.ts';
import { encodeTraceTable, type TraceFilter } from './trace-table.ts';
import { attributes, messages, metaKeys } from './wire.ts';

const ipv4Filter: TraceFilter = {
  source: Uint8Array.of(10, 0, 0, 2),
  destination: Uint8Array.of(10, 1, 0, 9),
  protocol: 6,
  destinationPort: 443,
  inbound: 'eth0',
};
const ipv6Filter: TraceFilter = {
  source: new Uint8Array(16).fill(1),
  destination: new Uint8Array(16).fill(2),
  protocol: 58,
  icmpType: 128,
  inbound: undefined,
};

function isOf(type: number): (message: Message) => boolean {
  return (message) => message.kind === 'data' && message.subsystem === subsystems.nftables && message.type === type;
}

describe('the table that marks a packet for tracing', () => {
  it.each<[string, TraceFilter, string]>([
    ['one that comes in', ipv4Filter, 'meta cmp meta cmp payload cmp payload cmp meta cmp payload cmp'],
    ['one of this machine, IPv6', ipv6Filter, 'meta cmp payload cmp payload cmp meta cmp payload cmp'],
  ])('asks for everything that is known of %s', (_title, filter, matches) => {
    const sent = readMessages(encodeTraceTable('t', filter)) ?? [];
    const [rule] = sent.filter(isOf(messages.newRule)).flatMap((message) => readRule(message) ?? []);
    expect(rule?.chain).toBe('start');
    expect(rule?.expressions.map(({ name }) => name).join(' ')).toBe(`${matches} limit immediate meta`);
  });

  it('has a chain at the end of every hook, and drops in none', () => {
    const sent = readMessages(encodeTraceTable('t', ipv4Filter)) ?? [];
    const chains = sent.filter((message) => isOf(messages.newChain)(message)).map(readChainName);
    expect(chains.sort()).toEqual([
      'passed-forward',
      'passed-input',
      'passed-output',
      'passed-postrouting',
      'passed-prerouting',
      'start',
    ]);
    expect(sent.filter((message) => isOf(messages.newTable)(message))).toHaveLength(1);
  });
});

/** A rule as the kernel would tell it, from expressions of numbers. */
function ruleOf(expressions: readonly (readonly [string, Readonly<Record<number, number | string>>])[]): KernelRule {
  const writer = new AttributeWriter();
  writeMessage(writer, { subsystem: 10, type: messages.newRule, flags: 0, sequence: 1, family: 1 }, () => {
    writer.text(attributes.rule.chain, 'c');
    writer.u64(attributes.rule.handle, 7n);
    writer.nest(attributes.rule.expressions, () => {
      for (const [name, fields] of expressions) {
        writer.nest(attributes.list.element, () => {
          writer.text(attributes.expression.name, name);
          writer.nest(attributes.expression.data, () => {
            for (const [type, value] of Object.entries(fields)) {
              if (typeof value === 'string') writer.text(Number(type), value);
              else writer.u32(Number(type), value);
            }
          });
        });
      }
    });
  });
  const [rule] = (readMessages(writer.bytes()) ?? []).flatMap((message) => readRule(message) ?? []);
  if (!rule) throw new Error('no rule');
  return rule;
}

const { payload, meta, lookup } = attributes;
const load = (base: number, offset: number, length: number, into: number) =>
  [
    'payload',
    { [payload.into]: into, [payload.base]: base, [payload.offset]: offset, [payload.length]: length },
  ] as const;
const loadMeta = (key: number, into: number) => ['meta', { [meta.into]: into, [meta.key]: key }] as const;
const find = (set: string, from: number, into?: number) =>
  [
    'lookup',
    { [lookup.set]: set, [lookup.from]: from, ...(into === undefined ? {} : { [lookup.into]: into }) },
  ] as const;
const turn = (register: number, size: number, length: number) =>
  [
    'byteorder',
    {
      [attributes.byteOrder.from]: register,
      [attributes.byteOrder.into]: register,
      [attributes.byteOrder.size]: size,
      [attributes.byteOrder.length]: length,
    },
  ] as const;
const noteClass = ['meta', { [meta.key]: metaKeys.priority, [meta.from]: 1 }] as const;

function packetOf(): TracedPacket {
  const networkHeader = new Uint8Array(20);
  networkHeader.set([10, 0, 0, 2, 10, 1, 0, 9], 12);
  return {
    networkHeader,
    transportHeader: Uint8Array.of(0x9c, 0x40, 0x01, 0xbb),
    protocol: 6,
    inboundName: 'eth0',
    outboundName: 'eth1',
    note: Uint8Array.of(5, 0, 0, 0x40),
  };
}

const anyElement: KernelElement = { comment: 'found', counter: undefined, value: undefined, verdict: undefined };

describe('the key that a rule looks up', () => {
  async function keysOf(rule: KernelRule, element: KernelElement = anyElement): Promise<string[]> {
    const keys: string[] = [];
    const findElement: FindElement = async (set, key) => {
      keys.push(`${set} ${[...key].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`);
      return element;
    };
    await followRule(rule, packetOf(), findElement);
    return keys;
  }

  it.each<[string, Parameters<typeof ruleOf>[0], string]>([
    ['one port, two bytes', [load(payloadBases.transport, 2, 2, 1), find('p', 1)], 'p 01bb'],
    ['an address', [load(payloadBases.network, 12, 4, 1), find('a', 1)], 'a 0a000002'],
    [
      'address, address, protocol and port in words of four bytes',
      [
        load(payloadBases.network, 12, 4, 1),
        load(payloadBases.network, 16, 4, 9),
        loadMeta(metaKeys.protocol, 10),
        load(payloadBases.transport, 2, 2, 11),
        find('m', 1),
      ],
      'm 0a0000020a0100090600000001bb0000',
    ],
    [
      'a class in a key of several, in network order, and a protocol that stays as it is',
      [loadMeta(metaKeys.priority, 8), turn(8, 4, 4), loadMeta(metaKeys.protocol, 9), turn(9, 2, 1), find('c', 8)],
      'c 4000000506000000',
    ],
    ['an interface by name', [loadMeta(metaKeys.outboundName, 1), find('i', 1)], `i ${'65746831'.padEnd(32, '0')}`],
  ])('%s', async (_title, expressions, expected) => {
    expect(await keysOf(ruleOf(expressions))).toEqual([expected]);
  });

  it('may be a class that an earlier rule took note of', async () => {
    const packet = packetOf();
    const value = Uint8Array.of(5, 0, 0, 0x40);
    const noting = ruleOf([load(payloadBases.network, 12, 4, 1), find('hosts', 1, 1), noteClass]);
    await followRule(noting, packet, async () => ({ ...anyElement, value }));
    const keys: Uint8Array[] = [];
    await followRule(ruleOf([loadMeta(metaKeys.priority, 1), find('classes', 1)]), packet, async (_set, key) => {
      keys.push(key);
      return undefined;
    });
    expect(keys).toEqual([value]);
  });
});

describe('what became of a traced packet', () => {
  const names: KernelNames = {
    rules: async () => [{ ...ruleOf([['reject', {}]]), handle: 9n, comment: 'said no' }],
    findElement: async () => undefined,
    interfaceName: (index) => `eth${index}`,
  };
  const event = (table: string, chain: string, kind: TraceEvent['verdict']['kind'], handle?: bigint): TraceEvent => ({
    packet: 1,
    table,
    chain,
    kind: handle === undefined ? 'policy' : 'rule',
    handle,
    verdict: { kind, chain: undefined },
    networkHeader: undefined,
    transportHeader: Uint8Array.of(0, 53, 0, 80),
    inbound: 0,
    outbound: undefined,
    conntrack: 'new',
  });
  const start = event('t', 'start', 'continue', 1n);
  const prerouting = event('t', 'passed-prerouting', 'accept');

  it.each<[string, TraceEvent[], boolean, string]>([
    ['it reached the router', [start, prerouting, event('t', 'passed-input', 'accept')], true, 'accept'],
    [
      'it left',
      [start, prerouting, event('t', 'passed-forward', 'accept'), event('t', 'passed-postrouting', 'accept')],
      true,
      'accept',
    ],
    ['a rule of ours rejected it', [start, prerouting, event('causeway', 'c', 'drop', 9n)], true, 'reject'],
    ['a rule of another table dropped it', [start, event('other', 'c', 'drop', 9n)], true, 'drop'],
    ['the policy of another chain dropped it', [start, event('other', 'c', 'drop')], true, 'drop'],
    ['routing lost it', [start, prerouting], false, 'lost'],
    ['it never passed the first hook', [start], false, 'lost'],
  ])('%s', async (_title, events, isEnd, verdict) => {
    expect(isAtItsEnd(events, 't')).toBe(isEnd);
    const seen = await observePacket(events, 't', 17, names);
    expect(seen).toMatchObject({ verdict, inbound: 'eth0', outbound: null, sourcePort: 53, conntrack: 'new' });
    expect(seen.steps.some(({ table }) => table === 't')).toBe(false);
  });
});

it('takes any bytes for a message, and says what it can', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(3, 6, 9, 12, 17), (bytes, type) => {
      const message = {
        kind: 'data' as const,
        subsystem: subsystems.nftables,
        type,
        flags: 0,
        sequence: 0,
        port: 0,
        family: 1,
        attributes: bytes,
      };
      readTraceEvent(message);
      readRule(message);
      readElements(message);
      readSetHead(message);
      readChainName(message);
    }),
    { seed: 18, numRuns: 2000 },
  );
});

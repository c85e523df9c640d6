/** Readings of messages that no kernel would send. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AttributeWriter } from '../../netlink/attributes.ts';
import { type Message, readMessages, subsystems, writeMessage } from '../../netlink/message.ts';
import { CounterReading } from '../read-counters.ts';
import { anonymousSetsOf, newMessages, readElements, TableReading } from './read-table.ts';

function message(type: number, attributes: Uint8Array): Message {
  return { kind: 'data', subsystem: subsystems.nftables, type, flags: 0, sequence: 1, port: 0, family: 1, attributes };
}

/** One message about our table, as bytes that went over the wire. */
function written(type: number, write: (writer: AttributeWriter) => void): readonly Message[] {
  const writer = new AttributeWriter();
  writeMessage(writer, { subsystem: subsystems.nftables, type, flags: 0, sequence: 1, family: 1 }, () => {
    writer.text(1, 'causeway');
    write(writer);
  });
  return readMessages(writer.bytes()) ?? [];
}

function rule(...expressions: ((writer: AttributeWriter) => void)[]): readonly Message[] {
  return written(newMessages.rule, (writer) => {
    writer.text(2, 'chain');
    writer.nest(4, () => {
      for (const expression of expressions) writer.nest(1, () => expression(writer));
    });
  });
}

const lookup = (set: string, register: number) => (writer: AttributeWriter) => {
  writer.text(1, 'lookup');
  writer.nest(2, () => {
    writer.u32(2, register);
    writer.text(1, set);
  });
};

/** The attributes in another order, a default spelled out, the register by its other number. */
const sameLookup = (set: string) => (writer: AttributeWriter) => {
  writer.nest(2, () => {
    writer.text(1, set);
    writer.u32(5, 0);
    writer.u32(2, 8);
  });
  writer.text(1, 'lookup');
};

function digestOf(messages: readonly Message[]): string | undefined {
  const reading = new TableReading();
  for (const each of messages) reading.take(each);
  return reading.digests().get('chain chain');
}

describe('a reading', () => {
  it('tells what means the same to the kernel by no order, default or number', () => {
    expect(digestOf(rule(sameLookup('hosts')))).toBe(digestOf(rule(lookup('hosts', 1))));
    expect(digestOf(rule(lookup('hosts', 2)))).not.toBe(digestOf(rule(lookup('hosts', 1))));
    expect(digestOf(rule(lookup('other', 1)))).not.toBe(digestOf(rule(lookup('hosts', 1))));
  });

  it('takes an anonymous set for its content, whatever it is called', () => {
    const anonymousSet = (name: string, key: number) => [
      ...written(newMessages.set, (writer) => {
        writer.text(2, name);
        writer.u32(3, 1);
      }),
      ...written(newMessages.elements, (writer) => {
        writer.text(2, name);
        writer.nest(3, () => writer.nest(1, () => writer.nest(1, () => writer.u32(1, key))));
      }),
    ];
    const first = digestOf([...anonymousSet('__set1', 5), ...rule(lookup('__set1', 1))]);
    expect(digestOf([...anonymousSet('__set7', 5), ...rule(lookup('__set7', 1))])).toBe(first);
    expect(digestOf([...anonymousSet('__set7', 6), ...rule(lookup('__set7', 1))])).not.toBe(first);
    expect(rule(lookup('__set7', 1)).flatMap(anonymousSetsOf)).toEqual(['__set7']);
  });

  it('takes any bytes', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      // Ours by its first attribute, and then anything.
      fc
        .uint8Array({ maxLength: 200 })
        .map((rest) => Uint8Array.from([13, 0, 1, 0, ...Buffer.from('causeway\0\0\0\0'), ...rest])),
    );
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(newMessages)), bytes, (type, attributes) => {
        const one = message(type, attributes);
        const counters = new CounterReading();
        counters.take(one);
        expect(counters.counts().size).toBeLessThan(20);
        for (const { key, whole } of readElements([one])) expect(key + whole).toMatch(/^[0-9a-f]{32}$/);
        expect(anonymousSetsOf(one).length).toBeLessThan(20);
        const reading = new TableReading();
        reading.take(one);
        for (const digest of reading.digests().values()) expect(digest.length).toBeLessThan(100);
      }),
      { seed: 20261125, numRuns: 2000 },
    );
  });
});

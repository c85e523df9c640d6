import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AttributeWriter } from '../netlink/attributes.ts';
import { type Message, readMessages } from '../netlink/message.ts';
import { encodeAskForFlow, encodeBind, readLogMessage } from './nflog-message.ts';
import { ipv4 } from './wire.fixture.ts';

const packet = ipv4('10.0.0.1', '10.0.0.2', { protocol: 6 });

function message(write: (writer: AttributeWriter) => void): Message {
  const writer = new AttributeWriter();
  write(writer);
  const head = { kind: 'data', subsystem: 4, type: 0, flags: 0, sequence: 0, port: 0, family: 2 } as const;
  return { ...head, attributes: writer.bytes().slice() };
}

/** A forwarded packet as linux/netfilter/nfnetlink_log.h has it. */
function forwarded(more: (writer: AttributeWriter) => void = () => undefined): Message {
  return message((writer) => {
    writer.raw(1, Uint8Array.from([0x08, 0, 2, 0]));
    writer.u32(4, 7);
    writer.u32(5, 9);
    writer.raw(9, packet);
    writer.text(10, 'causeway deny forward-in');
    writer.u32(12, 41);
    more(writer);
  });
}

describe('a message', () => {
  it('is a packet with where it was, and under which prefix', () => {
    expect(readLogMessage(forwarded())).toEqual({
      prefix: 'causeway deny forward-in',
      hook: 'forward',
      inbound: 7,
      outbound: 9,
      packet,
      sequence: 41,
      original: undefined,
    });
  });

  it('may tell where the packet was sent to before it was translated', () => {
    const withFlow = forwarded((writer) =>
      writer.nest(18, () =>
        writer.nest(1, () => {
          writer.nest(1, () => {
            writer.raw(1, Uint8Array.from([10, 0, 0, 1]));
            writer.raw(2, Uint8Array.from([192, 0, 2, 1]));
          });
          writer.nest(2, () => {
            writer.u8(1, 6);
            writer.u16(2, 40000);
            writer.u16(3, 80);
          });
        }),
      ),
    );
    expect(readLogMessage(withFlow)?.original).toMatchObject({
      destination: { family: 4, bits: 0xc0000201n },
      destinationPort: 80,
    });
  });

  it.each([
    ['without a packet', message((writer) => writer.raw(1, Uint8Array.from([0x08, 0, 2, 0])))],
    ['without a header', message((writer) => writer.raw(9, packet))],
    [
      'of a hook there is not',
      message((writer) => {
        writer.raw(1, Uint8Array.from([0x08, 0, 9, 0]));
        writer.raw(9, packet);
      }),
    ],
    ['of another subsystem', { ...forwarded(), subsystem: 10 } as Message],
    ['that is an acknowledgement', { kind: 'error', sequence: 1, errno: 0, offset: undefined } as Message],
  ])('%s is none', (_, each) => {
    expect(readLogMessage(each)).toBeUndefined();
  });

  it('of any bytes is one or none', () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(bytes, (attributes) => {
        const read = readLogMessage({ ...forwarded(), attributes } as Message);
        expect(read === undefined || read.packet instanceof Uint8Array).toBe(true);
      }),
      { seed: 20261125, numRuns: 2000 },
    );
  });
});

describe('taking a group', () => {
  it('asks for it, for packets of so many bytes, at once and numbered', () => {
    const writer = new AttributeWriter();
    encodeBind(writer, 100, 256);
    const bound = readMessages(writer.bytes()) ?? [];
    expect(bound.map((each) => each.kind === 'data' && [each.subsystem, each.type, [...each.attributes]])).toEqual([
      [4, 1, [5, 0, 1, 0, 1, 0, 0, 0]],
      [4, 1, [10, 0, 2, 0, 0, 0, 1, 0, 2, 0, 0, 0, 8, 0, 5, 0, 0, 0, 0, 1, 6, 0, 6, 0, 0, 1, 0, 0]],
    ]);
    // nfgenmsg: family, version, and the group in network order.
    expect([...writer.bytes().subarray(16, 20)]).toEqual([0, 0, 0, 100]);
    writer.reset();
    encodeAskForFlow(writer, 100);
    const [asked] = readMessages(writer.bytes()) ?? [];
    expect(asked?.kind === 'data' && [...asked.attributes]).toEqual([6, 0, 6, 0, 0, 5, 0, 0]);
  });
});

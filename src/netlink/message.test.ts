import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AttributeWriter } from './attributes.ts';
import {
  beginBatch,
  endBatch,
  isDumpInterrupted,
  type Message,
  messageFlags,
  readMessages,
  subsystems,
  writeMessage,
} from './message.ts';

const head = { subsystem: subsystems.nftables, type: 6, flags: messageFlags.create, sequence: 7, family: 1 };

function datagram(write: (writer: AttributeWriter) => void): Uint8Array {
  const writer = new AttributeWriter(16);
  write(writer);
  return writer.bytes().slice();
}

/** As the kernel sends it: an errno as a negative number behind the header. */
function answer(type: number, sequence: number, payload: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(16 + payload.length * 4);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint32(8, sequence, true);
  for (const [at, word] of payload.entries()) view.setInt32(16 + at * 4, word, true);
  return bytes;
}

const errorType = 2;
const doneType = 3;

describe('a datagram', () => {
  it('has messages one after the other, each with its header', () => {
    const bytes = datagram((writer) => {
      writeMessage(writer, head, () => writer.u8(1, 9));
      writeMessage(writer, { ...head, sequence: 8, resource: 0x1234 }, () => undefined);
    });
    expect([...bytes]).toEqual([
      ...[28, 0, 0, 0, 6, 10, 1, 4, 7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
      ...[5, 0, 1, 0, 9, 0, 0, 0],
      ...[20, 0, 0, 0, 6, 10, 1, 4, 8, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0x12, 0x34],
    ]);
  });

  it('reads as it was written', () => {
    const [message] = readMessages(datagram((writer) => writeMessage(writer, head, () => writer.u8(1, 9)))) ?? [];
    expect(message).toMatchObject({ kind: 'data', subsystem: 10, type: 6, sequence: 7, port: 0, family: 1 });
    expect(message?.kind === 'data' && [...message.attributes]).toEqual([5, 0, 1, 0, 9, 0, 0, 0]);
  });

  it('of a transaction begins and ends for nf_tables, and names the generation that it counts in', () => {
    const any = datagram((writer) => {
      beginBatch(writer, 1, undefined);
      endBatch(writer, 2);
    });
    expect([...any]).toEqual([
      ...[20, 0, 0, 0, 0x10, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10],
      ...[20, 0, 0, 0, 0x11, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10],
    ]);
    const one = datagram((writer) => beginBatch(writer, 1, 0x01020304));
    expect([...one.subarray(20)]).toEqual([8, 0, 1, 0, 1, 2, 3, 4]);
  });
});

describe('what the kernel answers', () => {
  it.each<[string, Uint8Array, Message]>([
    ['an acknowledgement', answer(errorType, 4, [0, 0, 0, 0, 0]), { kind: 'error', sequence: 4, errno: 0 }],
    ['a refusal', answer(errorType, 4, [-2, 0, 0, 0, 0]), { kind: 'error', sequence: 4, errno: 2 }],
    ['the end of a dump', answer(doneType, 4, [0]), { kind: 'done', sequence: 4, errno: 0 }],
    ['the end of a dump that failed', answer(doneType, 4, [-4]), { kind: 'done', sequence: 4, errno: 4 }],
    ['an end without a word', answer(doneType, 4, []), { kind: 'done', sequence: 4, errno: 0 }],
    ['a refusal without a word', answer(errorType, 4, []), { kind: 'error', sequence: 4, errno: 0 }],
  ])('%s', (_, bytes, message) => expect(readMessages(bytes)).toEqual([message]));

  it('says that a dump was changed while it was read', () => {
    const flagged = (flags: number) => datagram((writer) => writeMessage(writer, { ...head, flags }, () => undefined));
    const [changed] = readMessages(flagged(0x10)) ?? [];
    const [quiet] = readMessages(flagged(0)) ?? [];
    expect([changed, quiet].map((message) => message && isDumpInterrupted(message))).toEqual([true, false]);
  });

  it('is nothing where a message is cut off', () => {
    const whole = datagram((writer) => writeMessage(writer, head, () => writer.u32(1, 9)));
    for (let length = 17; length < whole.length; length++) {
      expect(readMessages(whole.subarray(0, length))).toBeUndefined();
    }
    expect(readMessages(whole)).toHaveLength(1);
  });

  it('is read from any bytes without an error or an end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(40), (bytes, length) => {
        if (bytes.length > 3) bytes.set([length, 0, 0, 0]);
        const messages = readMessages(bytes) ?? [];
        expect(messages.length).toBeLessThanOrEqual(bytes.length / 16);
      }),
      { seed: 20261125, numRuns: 2000 },
    );
  });
});

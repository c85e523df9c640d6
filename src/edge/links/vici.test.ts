/** VICI's bytes: those its documentation shows, all trees back and forth, streams cut anywhere, and bytes that are none. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ViciSection, ViciValue } from '../../links/ipsec/vici-message.ts';
import { decodeMessage, encodeMessage } from './vici-codec.ts';
import { encodePacket, packetReader, type ViciPacket } from './vici-packet.ts';

const name = fc.string({ minLength: 1, maxLength: 20 }).filter((key) => key !== '__proto__' && !/^\d+$/.test(key));

const section = fc.letrec<{ section: ViciSection; value: ViciValue }>((tie) => ({
  section: fc
    .uniqueArray(fc.tuple(name, tie('value')), { selector: ([key]) => key, maxLength: 4 })
    .map((entries): ViciSection => Object.fromEntries(entries)),
  value: fc.oneof({ depthSize: 'small' }, fc.string(), fc.array(fc.string()), tie('section')),
})).section;

describe('a VICI message', () => {
  it('is encoded as its documentation shows', () => {
    const bytes = encodeMessage({ key1: 'value1', section1: { sub: { key2: 'v2' }, list1: ['item1', 'item2'] } });
    const expected = [
      [3, 4, 'key1', 0, 6, 'value1'],
      [1, 8, 'section1'],
      [1, 3, 'sub', 3, 4, 'key2', 0, 2, 'v2', 2],
      [4, 5, 'list1', 5, 0, 5, 'item1', 5, 0, 5, 'item2', 6],
      [2],
    ].flat();
    expect(bytes).toEqual(
      Buffer.concat(expected.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.of(part)))),
    );
  });

  it('comes back as it went', () => {
    const isSame = fc.property(section, (tree) => {
      expect(decodeMessage(encodeMessage(tree))).toEqual(tree);
    });
    fc.assert(isSame, { seed: 1 });
  });

  it('is none when cut within an element', () => {
    const bytes = encodeMessage({ section: { list: ['item'], key: 'value' } });
    for (let length = 1; length < bytes.length; length++) {
      expect(decodeMessage(bytes.subarray(0, length))).toBeUndefined();
    }
  });

  it.each([
    ['an element of no known type', [9, 1, 0x61]],
    ['an end without a beginning', [2]],
    ['a section within a list', [4, 1, 0x61, 1, 1, 0x61, 2, 6]],
    ['an item outside a list', [5, 0, 1, 0x61]],
  ])('is not %s', (_, bytes) => expect(decodeMessage(Buffer.from(bytes))).toBeUndefined());
});

describe('a stream of VICI packets', () => {
  const packets: readonly ViciPacket[] = [
    { type: 'register', name: 'log' },
    { type: 'request', name: 'load-conn', message: { east: { version: '2' } } },
    { type: 'confirm' },
    { type: 'event', name: 'list-sa', message: { east: { state: 'ESTABLISHED' } } },
    { type: 'response', message: { success: 'yes' } },
    { type: 'unknown-event' },
    { type: 'unknown-request' },
  ];

  it('gives each packet once, wherever it is cut', () => {
    const stream = Buffer.concat(packets.map(encodePacket));
    for (let size = 1; size <= stream.length; size++) {
      const read = packetReader();
      const got: ViciPacket[] = [];
      for (let at = 0; at < stream.length; at += size) got.push(...read(stream.subarray(at, at + size)));
      expect(got).toEqual(packets);
    }
  });

  it.each([
    ['a type there is not', [0, 0, 0, 1, 9]],
    ['a name longer than its packet', [0, 0, 0, 3, 7, 9, 0x61]],
    ['more bytes than charon ever sends', [0x7f, 0, 0, 0]],
  ])('refuses %s', (_, bytes) => expect(() => packetReader()(Buffer.from(bytes))).toThrow(RangeError));
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AttributeWriter, listAttributes, readAttributes, readText, readU16, readU32, readU64 } from './attributes.ts';

function written(write: (writer: AttributeWriter) => void, capacity = 1): Uint8Array {
  const writer = new AttributeWriter(capacity);
  write(writer);
  return writer.bytes().slice();
}

describe('an attribute', () => {
  it.each<[string, (writer: AttributeWriter) => void, readonly number[]]>([
    ['of one byte is padded', (writer) => writer.u8(1, 0xab), [5, 0, 1, 0, 0xab, 0, 0, 0]],
    ['of two bytes is in network order', (writer) => writer.u16(2, 0x0102), [6, 0, 2, 0, 1, 2, 0, 0]],
    ['of four bytes is in network order', (writer) => writer.u32(3, 0xfffefdfc), [8, 0, 3, 0, 0xff, 0xfe, 0xfd, 0xfc]],
    ['of eight bytes, too', (writer) => writer.u64(4, 1n), [12, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
    ['of text ends with a zero', (writer) => writer.text(5, 'abcd'), [9, 0, 5, 0, 97, 98, 99, 100, 0, 0, 0, 0]],
    ['of characters does not', (writer) => writer.chars(5, 'abcd'), [8, 0, 5, 0, 97, 98, 99, 100]],
    ['may be empty', (writer) => writer.flag(6), [4, 0, 6, 0]],
    [
      'that holds others says so',
      (writer) => writer.nest(7, () => writer.u8(1, 2)),
      [12, 0, 7, 0x80, 5, 0, 1, 0, 2, 0, 0, 0],
    ],
  ])('%s', (_, write, bytes) => expect([...written(write)]).toEqual(bytes));

  it('leaves nothing in its padding of what was written there before', () => {
    const writer = new AttributeWriter(64);
    writer.raw(1, new Uint8Array(32).fill(0xff));
    writer.reset();
    writer.chars(1, 'a');
    writer.u16(2, 1);
    expect([...writer.bytes()]).toEqual([5, 0, 1, 0, 97, 0, 0, 0, 6, 0, 2, 0, 0, 1, 0, 0]);
  });

  it('cannot be longer than its length can say', () => {
    const tooLong = (writer: AttributeWriter) => writer.nest(1, () => writer.raw(1, new Uint8Array(0xfffc)));
    expect(() => written(tooLong)).toThrow('nested attribute');
  });
});

const values = fc.array(fc.tuple(fc.integer({ min: 1, max: 0x3fff }), fc.uint8Array({ maxLength: 40 })), {
  maxLength: 12,
});

describe('attributes that are read', () => {
  it('are those that were written, wherever the writer had to grow', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 64 }), (list, capacity) => {
        const bytes = written((writer) => {
          for (const [type, value] of list) writer.raw(type, value);
        }, capacity);
        expect(listAttributes(bytes).map(({ type, bytes: value }) => [type, [...value]])).toEqual(
          list.map(([type, value]) => [type, [...value]]),
        );
      }),
      { seed: 20261125 },
    );
  });

  it('end where the bytes are cut off, with all that came whole', () => {
    fc.assert(
      fc.property(values, fc.nat(), (list, cut) => {
        const bytes = written((writer) => {
          for (const [type, value] of list) writer.raw(type, value);
        });
        const kept = bytes.subarray(0, cut % (bytes.length + 1));
        const read = listAttributes(kept).length;
        const whole = listAttributes(bytes).filter(({ bytes: value }) => {
          return value.byteOffset + value.length <= bytes.byteOffset + kept.length;
        });
        expect(read).toBe(whole.length);
      }),
      { seed: 20261125 },
    );
  });

  it('are found in any bytes without an error or an end beyond them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const { bytes: value } of listAttributes(bytes)) {
          expect(value.byteOffset + value.length).toBeLessThanOrEqual(bytes.byteOffset + bytes.length);
        }
      }),
      { seed: 20261125, numRuns: 1000 },
    );
  });

  it('stop at a length that is shorter than its own header', () => {
    expect(listAttributes(Uint8Array.of(8, 0, 1, 0, 1, 2, 3, 4, 0, 0, 2, 0, 8, 0, 3, 0, 1, 1, 1, 1))).toHaveLength(1);
  });

  it('of one type: the last counts', () => {
    const bytes = written((writer) => {
      writer.u8(1, 1);
      writer.u8(1, 2);
    });
    expect([...(readAttributes(bytes).get(1) ?? [])]).toEqual([2]);
  });
});

it.each([
  ['two bytes', readU16, [1, 2], 0x0102, 0],
  ['four bytes', readU32, [0xff, 0, 0, 1], 0xff000001, 0],
  ['eight bytes', readU64, [0xff, 0, 0, 0, 0, 0, 0, 1], 0xff00000000000001n, 0n],
  ['text', readText, [97, 98, 0, 99], 'ab', ''],
])('%s too few are nothing', (_, read, bytes, value, nothing) => {
  expect(read(Uint8Array.from(bytes))).toBe(value);
  expect(read(new Uint8Array(0))).toBe(nothing);
});

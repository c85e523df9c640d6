import { describe, expect, it } from 'vitest';
import { assemble, type Instruction } from './bpf-assembler.ts';

const exit: Instruction = { kind: 'exit' };

describe('assemble', () => {
  // Expected bytes are those of the instruction set document: opcode, registers, offset, constant, little-endian.
  it.each<[string, Instruction, string]>([
    ['moves a constant', { kind: 'alu', operation: 'mov', target: 0, operand: { constant: -1 } }, 'b7000000ffffffff'],
    ['moves a register', { kind: 'alu', operation: 'mov', target: 4, operand: { register: 6 } }, 'bf64000000000000'],
    ['adds a constant', { kind: 'alu', operation: 'add', target: 2, operand: { constant: 60 } }, '070200003c000000'],
    ['takes a remainder', { kind: 'alu', operation: 'mod', target: 1, operand: { constant: 250 } }, '97010000fa000000'],
    ['swaps to big-endian', { kind: 'big-endian', target: 3, bits: 16 }, 'dc03000010000000'],
    ['loads a word', { kind: 'load', width: 4, register: 6, base: 1, offset: 4 }, '6116040000000000'],
    ['loads from below', { kind: 'load', width: 8, register: 1, base: 10, offset: -8 }, '79a1f8ff00000000'],
    ['stores a half word', { kind: 'store', width: 2, register: 1, base: 6, offset: 34 }, '6b16220000000000'],
    ['stores a double word', { kind: 'store', width: 8, register: 5, base: 6, offset: 8 }, '7b56080000000000'],
    ['adds in memory', { kind: 'atomic-add', width: 8, register: 4, base: 3, offset: 0 }, 'db43000000000000'],
    ['calls a helper', { kind: 'call', helper: 23 }, '8500000017000000'],
    ['exits', exit, '9500000000000000'],
    [
      'spreads a 64-bit constant over two slots',
      { kind: 'constant64', target: 5, value: 0x1122334455667788n },
      '18050000887766550000000044332211',
    ],
    ['points into a map', { kind: 'map-value', target: 3, mapFd: 7, offset: 16 }, '18230000070000000000000010000000'],
  ])('%s', (_, instruction, expected) => {
    expect(assemble([instruction]).toString('hex')).toBe(expected);
  });

  it('counts jumps in slots after the jump, over a constant of two slots', () => {
    const program: Instruction[] = [
      { kind: 'jump-if', left: 4, condition: 'gt', right: { register: 3 }, label: 'end' },
      { kind: 'constant64', target: 5, value: 0n },
      { kind: 'label', name: 'end' },
      exit,
    ];
    expect(assemble(program).subarray(0, 8).toString('hex')).toBe('2d34020000000000');
  });

  it('jumps backwards', () => {
    const program: Instruction[] = [
      { kind: 'label', name: 'again' },
      { kind: 'jump', label: 'again' },
    ];
    expect(assemble(program).toString('hex')).toBe('0500ffff00000000');
  });

  it.each<[string, Instruction[], RegExp]>([
    ['a jump to no label', [{ kind: 'jump', label: 'nowhere' }], /nowhere/],
    [
      'a label that stands twice',
      [
        { kind: 'label', name: 'a' },
        { kind: 'label', name: 'a' },
      ],
      /twice/,
    ],
    ['an offset beyond 16 bits', [{ kind: 'load', width: 1, register: 0, base: 1, offset: 40_000 }], /out of range/],
  ])('refuses %s', (_, program, message) => {
    expect(() => assemble(program)).toThrow(message);
  });
});

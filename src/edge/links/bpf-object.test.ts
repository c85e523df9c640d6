/** The object file that tc is given, read back by its own tables. */
import { describe, expect, it } from 'vitest';
import { assemble, type Instruction } from './bpf-assembler.ts';
import { printBpfObject, programSection } from './bpf-object.ts';

const program: Instruction[] = [
  { kind: 'alu', operation: 'mov', target: 0, operand: { constant: -1 } },
  { kind: 'exit' },
];

describe('an object file', () => {
  it('holds the program in the section that tc is told of, and the licence that lets it use the helpers', () => {
    const sections = readSections(printBpfObject('cw', program));
    expect(sections.get(programSection)).toEqual(assemble(program));
    expect(sections.get('license')?.toString()).toBe('GPL\0');
  });

  it('has one global function, of the name given', () => {
    const symbols = readSections(printBpfObject('cw101_7', program)).get('.symtab') ?? Buffer.alloc(0);
    const names = readSections(printBpfObject('cw101_7', program)).get('.strtab') ?? Buffer.alloc(0);
    const nameAt = symbols.readUInt32LE(24);
    expect(names.subarray(nameAt, names.indexOf(0, nameAt)).toString()).toBe('cw101_7');
    expect(symbols.readBigUInt64LE(24 + 16)).toBe(16n);
  });
});

function readSections(file: Buffer): ReadonlyMap<string, Buffer> {
  const headersAt = Number(file.readBigUInt64LE(40));
  const headers = Array.from({ length: file.readUInt16LE(60) }, (_, i) => file.subarray(headersAt + 64 * i));
  const content = (header: Buffer): Buffer => {
    const start = Number(header.readBigUInt64LE(24));
    return file.subarray(start, start + Number(header.readBigUInt64LE(32)));
  };
  const names = content(headers[file.readUInt16LE(62)] ?? Buffer.alloc(64));
  return new Map(
    headers.map((header) => {
      const at = header.readUInt32LE(0);
      return [names.subarray(at, names.indexOf(0, at)).toString(), content(header)];
    }),
  );
}

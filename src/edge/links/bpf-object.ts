/**
 * An object file that holds one BPF program for traffic control, as `tc` loads it.
 *
 *   Instruction[] ─[assemble]→ code ─[printBpfObject]→ ELF bytes → `tc filter add … bpf object-file`
 *
 * Invariant: equal programs give equal bytes; no maps, no relocations. ELF-64, little-endian, relocatable, for machine BPF:
 * the kernel's Documentation/bpf/libbpf/program_types.rst says what section names mean, `tc` is told ours.
 */
import { assemble, type Instruction } from './bpf-assembler.ts';

export const programSection = 'classifier';

const headerBytes = 64;
const sectionHeaderBytes = 64;
const symbolBytes = 24;
const machineBpf = 247;
const typeRelocatable = 1;
const sectionTypes = { null: 0, code: 1, symbols: 2, strings: 3 } as const;
const flags = { write: 1, alloc: 2, executable: 4 } as const;
/** A global function. */
const globalFunction = 0x12;

interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly bytes: Buffer;
  readonly link: number;
  readonly info: number;
  readonly entryBytes: number;
}

/** `name` is what `tc filter show` and `bpftool` call the program; of letters, digits and `_`. */
export function printBpfObject(name: string, program: readonly Instruction[]): Buffer {
  const code = assemble(program);
  const symbols = Buffer.alloc(2 * symbolBytes);
  symbols.writeUInt32LE(1, symbolBytes); // its name, after the empty one
  symbols.writeUInt8(globalFunction, symbolBytes + 4);
  symbols.writeUInt16LE(1, symbolBytes + 6); // in the first section
  symbols.writeBigUInt64LE(BigInt(code.length), symbolBytes + 16);
  const [plain, text] = [{ link: 0, info: 0, entryBytes: 0 }, sectionTypes.strings];
  const named: readonly Section[] = [
    { ...plain, name: '', type: sectionTypes.null, flags: 0, bytes: Buffer.alloc(0) },
    { ...plain, name: programSection, type: sectionTypes.code, flags: flags.alloc | flags.executable, bytes: code },
    {
      ...plain,
      name: 'license',
      type: sectionTypes.code,
      flags: flags.write | flags.alloc,
      bytes: strings('GPL').subarray(1),
    },
    // The names are the next section's; the one symbol that is not global comes first.
    {
      name: '.symtab',
      type: sectionTypes.symbols,
      flags: 0,
      bytes: symbols,
      link: 4,
      info: 1,
      entryBytes: symbolBytes,
    },
    { ...plain, name: '.strtab', type: text, flags: 0, bytes: strings(name) },
  ];
  const names = [...named.map((section) => section.name), '.shstrtab'];
  return layOut([...named, { ...plain, name: '.shstrtab', type: text, flags: 0, bytes: strings(...names.slice(1)) }]);
}

/** A string table: the empty string, then these. */
function strings(...texts: readonly string[]): Buffer {
  return Buffer.from(`\0${texts.map((text) => `${text}\0`).join('')}`);
}

/** Header, contents each on a multiple of 8, headers of the sections. The last one holds the names. */
function layOut(sections: readonly Section[]): Buffer {
  const parts: Buffer[] = [];
  const headers: Buffer[] = [];
  let [end, nameAt] = [headerBytes, 0];
  for (const { name, type, flags, bytes, link, info, entryBytes } of sections) {
    const header = Buffer.alloc(sectionHeaderBytes);
    header.writeUInt32LE(nameAt, 0);
    header.writeUInt32LE(type, 4);
    header.writeBigUInt64LE(BigInt(flags), 8);
    header.writeBigUInt64LE(BigInt(end), 24);
    header.writeBigUInt64LE(BigInt(bytes.length), 32);
    header.writeUInt32LE(link, 40);
    header.writeUInt32LE(info, 44);
    header.writeBigUInt64LE(8n, 48);
    header.writeBigUInt64LE(BigInt(entryBytes), 56);
    headers.push(header);
    const padded = Buffer.concat([bytes, Buffer.alloc(-bytes.length & 7)]);
    parts.push(padded);
    end += padded.length;
    nameAt += name.length + 1;
  }
  return Buffer.concat([elfHeader(end, sections.length), ...parts, ...headers]);
}

function elfHeader(sectionHeadersAt: number, sections: number): Buffer {
  const header = Buffer.alloc(headerBytes);
  Buffer.from('\x7fELF\x02\x01\x01', 'latin1').copy(header);
  header.writeUInt16LE(typeRelocatable, 16);
  header.writeUInt16LE(machineBpf, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(sectionHeadersAt), 40);
  header.writeUInt16LE(headerBytes, 52);
  header.writeUInt16LE(sectionHeaderBytes, 58);
  header.writeUInt16LE(sections, 60);
  header.writeUInt16LE(sections - 1, 62);
  return header;
}

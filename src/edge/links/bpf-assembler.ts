/**
 * A small BPF assembler: instructions as values in, the kernel's byte code out.
 *
 *   Instruction[] ─[assemble]→ bytes → an object file for tc, or bpf(2) BPF_PROG_LOAD
 *
 * It exists so that neither clang nor a program compiled elsewhere is needed. Encoding as in the kernel's
 * Documentation/bpf/standardization/instruction-set.rst: 8 bytes an instruction, two of them for a 64-bit constant.
 *
 * Invariant: every jump lands on a label of the same list; anything else is a RangeError here, not a verifier message.
 */

export type Register = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;

/** Bytes of a memory access. */
export type Width = 1 | 2 | 4 | 8;

export type Operation = 'add' | 'sub' | 'mul' | 'div' | 'or' | 'and' | 'lsh' | 'rsh' | 'mod' | 'xor' | 'mov';

/** Unsigned comparisons, as packet bounds and lengths are. */
export type Condition = 'eq' | 'ne' | 'gt' | 'ge' | 'lt' | 'le';

/** A register, or a constant of 32 bits that the kernel extends with its sign. */
export type Operand = { readonly register: Register } | { readonly constant: number };

export type Instruction =
  | { readonly kind: 'alu'; readonly operation: Operation; readonly target: Register; readonly operand: Operand }
  | { readonly kind: 'big-endian'; readonly target: Register; readonly bits: 16 | 32 | 64 }
  | { readonly kind: 'constant64'; readonly target: Register; readonly value: bigint }
  /** The address of a value inside the only entry of an array map (BPF_PSEUDO_MAP_VALUE). */
  | { readonly kind: 'map-value'; readonly target: Register; readonly mapFd: number; readonly offset: number }
  | Memory<'load'>
  | Memory<'store'>
  | Memory<'atomic-add'>
  | { readonly kind: 'jump'; readonly label: string }
  | JumpIf
  | { readonly kind: 'label'; readonly name: string }
  | { readonly kind: 'call'; readonly helper: number }
  | { readonly kind: 'exit' };

/** `register` is read into by a load, written out by a store, added by an atomic add; `base` + `offset` is the address. */
interface Memory<K extends string> {
  readonly kind: K;
  readonly width: Width;
  readonly register: Register;
  readonly base: Register;
  readonly offset: number;
}

interface JumpIf {
  readonly kind: 'jump-if';
  readonly left: Register;
  readonly condition: Condition;
  readonly right: Operand;
  readonly label: string;
}

const operations: Readonly<Record<Operation, number>> = {
  add: 0x00,
  sub: 0x10,
  mul: 0x20,
  div: 0x30,
  or: 0x40,
  and: 0x50,
  lsh: 0x60,
  rsh: 0x70,
  mod: 0x90,
  xor: 0xa0,
  mov: 0xb0,
};
const conditions: Readonly<Record<Condition, number>> = { eq: 0x10, gt: 0x20, ge: 0x30, ne: 0x50, lt: 0xa0, le: 0xb0 };
const widths: Readonly<Record<Width, number>> = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 };

const classAlu64 = 0x07;
const classAlu32 = 0x04;
const classJump = 0x05;
const sourceRegister = 0x08;
const modeMemory = 0x60;
const modeAtomic = 0xc0;
const loadConstant64 = 0x18;
const pseudoMapValue = 2;

/** The byte code of a program. Throws RangeError for an unknown or repeated label and for a number out of its field. */
export function assemble(program: readonly Instruction[]): Buffer {
  const slots = locateLabels(program);
  const words: Buffer[] = [];
  let slot = 0;
  for (const instruction of program) {
    const code = encode(instruction, (label) => jumpDistance(slots, label, slot));
    words.push(code);
    slot += code.length / 8;
  }
  return Buffer.concat(words);
}

function locateLabels(program: readonly Instruction[]): ReadonlyMap<string, number> {
  const slots = new Map<string, number>();
  let slot = 0;
  for (const instruction of program) {
    if (instruction.kind === 'label') {
      if (slots.has(instruction.name)) throw new RangeError(`label ${instruction.name} stands twice`);
      slots.set(instruction.name, slot);
    }
    slot += slotsOf(instruction);
  }
  return slots;
}

function slotsOf(instruction: Instruction): number {
  if (instruction.kind === 'label') return 0;
  return instruction.kind === 'constant64' || instruction.kind === 'map-value' ? 2 : 1;
}

/** Counted from the instruction after the jump, as the kernel does. */
function jumpDistance(slots: ReadonlyMap<string, number>, label: string, slot: number): number {
  const target = slots.get(label);
  if (target === undefined) throw new RangeError(`no label ${label}`);
  return target - slot - 1;
}

function encode(instruction: Instruction, distanceTo: (label: string) => number): Buffer {
  switch (instruction.kind) {
    case 'alu':
      return withOperand(classAlu64 | operations[instruction.operation], instruction.target, instruction.operand, 0);
    case 'big-endian':
      return word(classAlu32 | 0xd0 | sourceRegister, instruction.target, 0, 0, instruction.bits);
    case 'constant64':
      return constant64(instruction.target, 0, instruction.value);
    case 'map-value': {
      const value = (BigInt(instruction.offset) << 32n) | BigInt(instruction.mapFd);
      return constant64(instruction.target, pseudoMapValue, value);
    }
    case 'load':
      return withMemory(0x01 | modeMemory, instruction, instruction.register, instruction.base);
    case 'store':
      return withMemory(0x03 | modeMemory, instruction, instruction.base, instruction.register);
    case 'atomic-add':
      return withMemory(0x03 | modeAtomic, instruction, instruction.base, instruction.register);
    case 'jump':
      return word(classJump, 0, 0, distanceTo(instruction.label), 0);
    case 'jump-if':
      return withOperand(
        classJump | conditions[instruction.condition],
        instruction.left,
        instruction.right,
        distanceTo(instruction.label),
      );
    case 'label':
      return Buffer.alloc(0);
    case 'call':
      return word(classJump | 0x80, 0, 0, 0, instruction.helper);
    case 'exit':
      return word(classJump | 0x90, 0, 0, 0, 0);
  }
}

/** Between a register and memory: which of them is the target is the operation's to say. */
function withMemory(
  operation: number,
  { width, offset }: Pick<Extract<Instruction, { kind: 'load' }>, 'width' | 'offset'>,
  target: Register,
  source: Register,
): Buffer {
  return word(operation | widths[width], target, source, offset, 0);
}

function withOperand(code: number, target: Register, operand: Operand, offset: number): Buffer {
  return 'register' in operand
    ? word(code | sourceRegister, target, operand.register, offset, 0)
    : word(code, target, 0, offset, operand.constant);
}

function constant64(target: Register, source: number, value: bigint): Buffer {
  const low = Number(BigInt.asIntN(32, value));
  const high = Number(BigInt.asIntN(32, value >> 32n));
  return Buffer.concat([word(loadConstant64, target, source, 0, low), word(0, 0, 0, 0, high)]);
}

function word(code: number, target: number, source: number, offset: number, constant: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt8(code, 0);
  bytes.writeUInt8(target | (source << 4), 1);
  bytes.writeInt16LE(offset, 2);
  bytes.writeInt32LE(constant, 4);
  return bytes;
}

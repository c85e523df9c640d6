/**
 * What counts in the messages of nf_tables when their content is compared (linux/netfilter/nf_tables.h).
 *
 * A message that we send and what the kernel shows of it differ: in the order of attributes, in handles and ids, in counters, in
 * defaults that one side leaves out, and in how a register is numbered. A shape lists, by attribute type, what is
 * compared and how; a type that is not listed is not.
 * Invariant: whatever can change what a rule or an element does to a packet is listed.
 */

export type Field =
  | 'bytes'
  /** Zero is the same as absent. */
  | 'number'
  /** Registers of 16 bytes have a second number, for their first word (NFT_REG_1 is NFT_REG32_00). */
  | 'register'
  /** With or without a zero byte at its end. */
  | 'text'
  /** Name of a set; an anonymous one counts as its content. */
  | 'set'
  /** One expression; a counter counts by being there. */
  | 'expression'
  | 'expressions'
  /** As `expressions`, without counters: the kernel adds those that the set declares. */
  | 'stateful'
  /** A list, in order. */
  | { readonly each: Shape }
  | Shape;

/** By attribute type. */
export type Shape = readonly (Field | undefined)[];

const _ = undefined;

const verdictShape: Shape = [_, 'bytes', 'text'];
/** NFTA_DATA: value, verdict. */
const dataShape: Shape = [_, 'bytes', verdictShape];

/** NFTA_TABLE_FLAGS: a dormant table does nothing. */
export const tableShape: Shape = [_, _, 'number'];

const hookShape: Shape = [_, 'bytes', 'bytes', 'text', 'bytes'];
/** Hook, policy, type; what else a chain has (its flags but for `base`, which the kernel adds) is read by hand. */
export const chainShape: Shape = [_, _, _, _, hookShape, _, _, 'text'];

export const ruleShape: Shape = [_, _, _, _, 'expressions', 'bytes', _, 'bytes'];

/** NFTA_SET_DESC: size, and the lengths of the parts of a concatenation. */
const descriptionShape: Shape = [_, 'number', { each: [_, 'number'] }];
/** Flags, key type and length, data type and length, policy, description, timeout, userdata, object type, expressions. */
export const setShape: Shape = [
  _,
  _,
  _,
  'number',
  'number',
  'number',
  'number',
  'number',
  'number',
  descriptionShape,
  _,
  'number',
  _,
  'bytes',
  _,
  'number',
  _,
  'expression',
  'expressions',
];

/** Key, data, flags, timeout, userdata, expression, object, end of the key, expressions; when it expires moves by itself. */
export const elementShape: Shape = [
  _,
  dataShape,
  dataShape,
  'number',
  'number',
  _,
  'bytes',
  'stateful',
  _,
  'text',
  dataShape,
  'stateful',
];

/** What tells elements of one set apart. */
export const elementKeyShape: Shape = [_, dataShape, _, 'number', _, _, _, _, _, _, dataShape];

/** By name of the expression; of one that is not listed all bytes count. */
export const expressionShapes: ReadonlyMap<string, Shape> = new Map<string, Shape>([
  ['counter', []],
  ['notrack', []],
  ['immediate', [_, 'register', dataShape]],
  ['cmp', [_, 'register', 'number', dataShape]],
  ['range', [_, 'register', 'number', dataShape, dataShape]],
  ['bitwise', [_, 'register', 'register', 'number', dataShape, dataShape, 'number', dataShape, 'register']],
  ['byteorder', [_, 'register', 'register', 'number', 'number', 'number']],
  ['lookup', [_, 'set', 'register', 'register', _, 'number']],
  ['payload', [_, 'register', 'number', 'number', 'number', 'register', 'number', 'number', 'number']],
  ['exthdr', [_, 'register', 'number', 'number', 'number', 'number', 'number', 'register']],
  ['meta', [_, 'register', 'number', 'register']],
  ['ct', [_, 'register', 'number', 'number', 'register']],
  ['fib', [_, 'register', 'number', 'number']],
  ['limit', [_, 'number', 'number', 'number', 'number', 'number']],
  ['log', [_, 'number', 'text', 'number', 'number', 'number', 'number']],
  ['reject', [_, 'number', 'number']],
]);

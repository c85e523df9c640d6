/**
 * Which element of a set a rule found for a packet, by doing what the rule's expressions do: load fields, look up.
 *
 *   KernelRule + TracedPacket ─[followRule]→ the elements it found, which the kernel itself looks up
 *
 * A trace names the rule and not the element, and it is elements that carry the names of policy rules.
 * Invariant: knows loads, their byte order, lookups and notes of a class (`meta priority`); with anything else before its
 * lookup a rule finds nothing.
 */
import { readText, readU32 } from '../../netlink/attributes.ts';
import { payloadBases } from '../netlink/encode/numbers.ts';
import type { KernelElement, KernelExpression, KernelRule } from './read-trace.ts';
import { interfaceBytes } from './trace-table.ts';
import { attributes, metaKeys } from './wire.ts';

/** What a packet's fields are at one place of its way. `note` is what rules left in `meta priority`. */
export interface TracedPacket {
  networkHeader: Uint8Array;
  transportHeader: Uint8Array;
  protocol: number;
  inboundName: string;
  outboundName: string;
  note: Uint8Array;
}

export interface FoundElement {
  readonly set: string;
  readonly element: KernelElement;
}

/** Asks the kernel for the element that holds the key. */
export type FindElement = (set: string, key: Uint8Array) => Promise<KernelElement | undefined>;

const registerBytes = 64;

/** Changes the packet's note as the rule does. */
export async function followRule(
  rule: KernelRule,
  packet: TracedPacket,
  findElement: FindElement,
): Promise<readonly FoundElement[]> {
  const registers = new Uint8Array(registerBytes);
  /** Bytes written since the last lookup. */
  let loaded = { start: 0, end: 0, count: 0, width: 0 };
  const found: FoundElement[] = [];
  for (const expression of rule.expressions) {
    const field = readField(expression, packet);
    if (field) {
      const at = registerOffset(number(expression, fieldInto(expression)));
      if (at + field.length > registerBytes) return found;
      registers.fill(0, at, Math.min(registerBytes, (at + field.length + 3) & ~3));
      registers.set(field, at);
      const continues = loaded.count > 0 && at === loaded.end;
      loaded = continues
        ? { ...loaded, end: (at + field.length + 3) & ~3, count: loaded.count + 1, width: field.length }
        : { start: at, end: (at + field.length + 3) & ~3, count: 1, width: field.length };
    } else if (expression.name === 'lookup') {
      const set = readText(expression.attributes.get(attributes.lookup.set) ?? new Uint8Array());
      const from = registerOffset(number(expression, attributes.lookup.from));
      const length = loaded.count === 1 ? loaded.width : loaded.end - from;
      const element = await findElement(set, registers.slice(from, from + length));
      if (!element) return found;
      found.push({ set, element });
      const into = expression.attributes.get(attributes.lookup.into);
      if (element.value && into) registers.set(element.value, registerOffset(readU32(into)));
      loaded = { start: 0, end: 0, count: 0, width: 0 };
    } else if (expression.name === 'byteorder') {
      const at = registerOffset(number(expression, attributes.byteOrder.into));
      const size = number(expression, attributes.byteOrder.size);
      // As the kernel does, whole numbers only: nft asks it to turn the single byte of a protocol in steps of two.
      const count = size === 0 ? 0 : Math.floor(number(expression, attributes.byteOrder.length) / size);
      if (at < 0 || at + count * size > registerBytes) return found;
      for (let i = 0; i < count; i++) registers.subarray(at + i * size, at + (i + 1) * size).reverse();
    } else if (expression.name === 'immediate') {
      const data = expression.attributes.get(attributes.immediate.data);
      const into = registerOffset(number(expression, attributes.immediate.into));
      // 4 bytes of attribute header before the value; a verdict writes no register that is read again.
      if (data && into >= 0) registers.set(data.subarray(4, 4 + Math.min(16, data.length - 4)), into);
    } else if (expression.name === 'meta' && number(expression, attributes.meta.key) === metaKeys.priority) {
      const from = registerOffset(number(expression, attributes.meta.from));
      packet.note = registers.slice(from, from + 4);
    }
  }
  return found;
}

function fieldInto({ name }: KernelExpression): number {
  return name === 'meta' ? attributes.meta.into : attributes.payload.into;
}

/** Undefined where the expression loads nothing that is known. */
function readField(expression: KernelExpression, packet: TracedPacket): Uint8Array | undefined {
  if (expression.name === 'payload' && expression.attributes.has(attributes.payload.into)) {
    const base = number(expression, attributes.payload.base);
    const header = base === payloadBases.network ? packet.networkHeader : packet.transportHeader;
    const offset = number(expression, attributes.payload.offset);
    return header.slice(offset, offset + number(expression, attributes.payload.length));
  }
  if (expression.name !== 'meta' || !expression.attributes.has(attributes.meta.into)) return undefined;
  switch (number(expression, attributes.meta.key)) {
    case metaKeys.protocol:
      return Uint8Array.of(packet.protocol);
    case metaKeys.inboundName:
      return interfaceBytes(packet.inboundName);
    case metaKeys.outboundName:
      return interfaceBytes(packet.outboundName);
    case metaKeys.priority:
      return packet.note;
    default:
      return undefined;
  }
}

function number(expression: KernelExpression, type: number): number {
  return readU32(expression.attributes.get(type) ?? new Uint8Array());
}

/** NFT_REG_1 to 4 are 16 bytes each, NFT_REG32_00 to 15 are 4 bytes each, in the same memory. */
function registerOffset(register: number): number {
  return register < 8 ? (register - 1) * 16 : (register - 8) * 4;
}

/**
 * The expressions that rules are made of, one function each (linux/netfilter/nf_tables.h).
 *
 * Registers are counted in words of four bytes, from the first. Invariant: an expression names every attribute that the kernel
 * asks for, and none that nft leaves out.
 */
import type { AttributeWriter } from '../../../netlink/attributes.ts';
import type { Field, Verdict } from '../../ruleset.ts';
import { type FieldForm, formOf, wordsOf } from './fields.ts';
import { attributes, firstRegister, tcpOptionOperation, toNetworkOrder, verdictRegister } from './numbers.ts';
import { writeVerdict } from './verdict.ts';

interface TcpOption {
  readonly kind: number;
  readonly offset: number;
  readonly bytes: number;
}

export class ExpressionWriter {
  readonly #writer: AttributeWriter;

  constructor(writer: AttributeWriter) {
    this.#writer = writer;
  }

  /** Reads the fields one after the other into the registers; of several, numbers in network order. */
  load(fields: readonly Field[]): void {
    let word = 0;
    for (const field of fields) {
      const form = formOf(field);
      this.#loadField(form, word);
      if (fields.length > 1 && form.isHostOrder) this.#toNetworkOrder(form, word);
      word += wordsOf(form);
    }
  }

  meta(key: number): void {
    this.#expression('meta', () => {
      this.#writer.u32(attributes.meta.key, key);
      this.#writer.u32(attributes.meta.into, firstRegister);
    });
  }

  setMeta(key: number): void {
    this.#expression('meta', () => {
      this.#writer.u32(attributes.meta.key, key);
      this.#writer.u32(attributes.meta.from, firstRegister);
    });
  }

  conntrack(key: number): void {
    this.#expression('ct', () => {
      this.#writer.u32(attributes.conntrack.into, firstRegister);
      this.#writer.u32(attributes.conntrack.key, key);
    });
  }

  setConntrack(key: number): void {
    this.#expression('ct', () => {
      this.#writer.u32(attributes.conntrack.key, key);
      this.#writer.u32(attributes.conntrack.from, firstRegister);
    });
  }

  payload(base: number, offset: number, length: number, word = 0): void {
    this.#expression('payload', () => {
      this.#writer.u32(attributes.payload.into, firstRegister + word);
      this.#writer.u32(attributes.payload.base, base);
      this.#writer.u32(attributes.payload.offset, offset);
      this.#writer.u32(attributes.payload.length, length);
    });
  }

  compare(operator: number, value: Uint8Array): void {
    this.#expression('cmp', () => {
      this.#writer.u32(attributes.compare.from, firstRegister);
      this.#writer.u32(attributes.compare.operator, operator);
      this.#value(attributes.compare.data, value);
    });
  }

  range(operator: number, first: Uint8Array, last: Uint8Array): void {
    this.#expression('range', () => {
      this.#writer.u32(attributes.range.from, firstRegister);
      this.#writer.u32(attributes.range.operator, operator);
      this.#value(attributes.range.first, first);
      this.#value(attributes.range.last, last);
    });
  }

  /** register = (register and mask) xor bits */
  bitwise(mask: Uint8Array, xor: Uint8Array): void {
    this.#expression('bitwise', () => {
      this.#writer.u32(attributes.bitwise.from, firstRegister);
      this.#writer.u32(attributes.bitwise.into, firstRegister);
      this.#writer.u32(attributes.bitwise.length, mask.length);
      this.#value(attributes.bitwise.mask, mask);
      this.#value(attributes.bitwise.xor, xor);
    });
  }

  /** @param into `verdict` and `data` of a map's elements; nothing of a set's. @param setId of an anonymous set. */
  lookup(set: string, setId: number | undefined, into: 'nothing' | 'verdict' | 'data', flags: number): void {
    this.#expression('lookup', () => {
      this.#writer.u32(attributes.lookup.from, firstRegister);
      if (into !== 'nothing') {
        this.#writer.u32(attributes.lookup.into, into === 'verdict' ? verdictRegister : firstRegister);
      }
      this.#writer.text(attributes.lookup.set, set);
      if (setId !== undefined) this.#writer.u32(attributes.lookup.setId, setId);
      if (flags !== 0) this.#writer.u32(attributes.lookup.flags, flags);
    });
  }

  immediate(value: Uint8Array): void {
    this.#expression('immediate', () => {
      this.#writer.u32(attributes.immediate.into, firstRegister);
      this.#value(attributes.immediate.data, value);
    });
  }

  verdict(verdict: Verdict): void {
    this.#expression('immediate', () => {
      this.#writer.u32(attributes.immediate.into, verdictRegister);
      this.#writer.nest(attributes.immediate.data, () => writeVerdict(this.#writer, verdict));
    });
  }

  tcpOption(option: TcpOption): void {
    this.#expression('exthdr', () => {
      this.#writer.u32(attributes.headerOption.into, firstRegister);
      this.#option(option);
    });
  }

  setTcpOption(option: TcpOption): void {
    this.#expression('exthdr', () => {
      this.#writer.u32(attributes.headerOption.from, firstRegister);
      this.#option(option);
    });
  }

  counter(): void {
    this.#expression('counter', () => {
      this.#writer.u64(attributes.counter.bytes, 0n);
      this.#writer.u64(attributes.counter.packets, 0n);
    });
  }

  notrack(): void {
    this.#writer.nest(attributes.list.element, () => this.#writer.text(attributes.expression.name, 'notrack'));
  }

  log(group: number, prefix: string, snaplen: number): void {
    this.#expression('log', () => {
      this.#writer.u16(attributes.log.group, group);
      this.#writer.text(attributes.log.prefix, prefix);
      this.#writer.u32(attributes.log.snaplen, snaplen);
    });
  }

  /** @param seconds the unit of time. */
  limit(count: number, seconds: number, burst: number): void {
    this.#expression('limit', () => {
      this.#writer.u64(attributes.limit.rate, BigInt(count));
      this.#writer.u64(attributes.limit.unit, BigInt(seconds));
      this.#writer.u32(attributes.limit.burst, burst);
    });
  }

  reject(type: number, code: number): void {
    this.#expression('reject', () => {
      this.#writer.u32(attributes.reject.type, type);
      this.#writer.u8(attributes.reject.code, code);
    });
  }

  #option({ kind, offset, bytes }: TcpOption): void {
    const { type, offset: at, length, operation } = attributes.headerOption;
    this.#writer.u8(type, kind);
    this.#writer.u32(at, offset);
    this.#writer.u32(length, bytes);
    this.#writer.u32(operation, tcpOptionOperation);
  }

  #loadField({ source, bytes }: FieldForm, word: number): void {
    if (source.kind === 'payload') {
      this.payload(source.base, source.offset, bytes, word);
      return;
    }
    this.#expression('meta', () => {
      this.#writer.u32(attributes.meta.key, source.key);
      this.#writer.u32(attributes.meta.into, firstRegister + word);
    });
  }

  #toNetworkOrder({ bytes }: FieldForm, word: number): void {
    this.#expression('byteorder', () => {
      this.#writer.u32(attributes.byteOrder.from, firstRegister + word);
      this.#writer.u32(attributes.byteOrder.into, firstRegister + word);
      this.#writer.u32(attributes.byteOrder.operation, toNetworkOrder);
      this.#writer.u32(attributes.byteOrder.length, bytes);
      this.#writer.u32(attributes.byteOrder.size, bytes === 4 ? 4 : 2);
    });
  }

  #expression(name: string, write: () => void): void {
    const element = this.#writer.open(attributes.list.element);
    this.#writer.text(attributes.expression.name, name);
    this.#writer.nest(attributes.expression.data, write);
    this.#writer.close(element);
  }

  #value(type: number, value: Uint8Array): void {
    const start = this.#writer.open(type);
    this.#writer.raw(attributes.data.value, value);
    this.#writer.close(start);
  }
}

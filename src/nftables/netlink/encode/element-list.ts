/**
 * Elements of one set, in as many messages as they need: a list has to fit into an attribute of 64 KiB.
 *
 * For hundreds of thousands of elements: no object or function is made for any of them.
 * Invariant: nothing is written for no elements; after `end` all messages are closed.
 */
import type { AttributeWriter } from '../../../netlink/attributes.ts';
import { tableName, type Verdict } from '../../ruleset.ts';
import { attributes, elementFlags, messages } from './numbers.ts';
import type { Transaction } from './transaction.ts';
import { writeVerdict } from './verdict.ts';

/** So far below the 65,535 of an attribute that one more element, of a few hundred bytes, always fits. */
const mostListBytes = 60_000;

export class ElementList {
  readonly #transaction: Transaction;
  readonly #writer: AttributeWriter;
  readonly #name: string;
  readonly #subject: string;
  readonly #setId: number | undefined;
  readonly #action: 'add' | 'delete';
  #message: number | undefined;
  #list = 0;

  /** @param setId of an anonymous set of the same transaction. */
  constructor(transaction: Transaction, name: string, action: 'add' | 'delete', setId?: number) {
    this.#transaction = transaction;
    this.#writer = transaction.writer;
    this.#name = name;
    this.#subject = `elements of ${name}`;
    this.#action = action;
    this.#setId = setId;
  }

  /** Of what an element says only the key counts where it is deleted. */
  add(
    key: Uint8Array,
    keyEnd: Uint8Array | undefined,
    verdict: Verdict | undefined,
    note: number | undefined,
    userData: Uint8Array | undefined,
  ): void {
    const element = this.#open();
    this.#key(attributes.element.key, key);
    if (keyEnd) this.#key(attributes.element.keyEnd, keyEnd);
    if (this.#action === 'add') {
      if (verdict) this.#verdict(verdict);
      else if (note !== undefined) this.#note(note);
      if (userData) this.#writer.raw(attributes.element.userData, userData);
    }
    this.#writer.close(element);
  }

  /** Where an interval is over: the first key after it. */
  addEnd(key: Uint8Array): void {
    const element = this.#open();
    this.#key(attributes.element.key, key);
    this.#writer.u32(attributes.element.flags, elementFlags.intervalEnd);
    this.#writer.close(element);
  }

  end(): void {
    if (this.#message === undefined) return;
    this.#writer.close(this.#list);
    this.#transaction.close(this.#message);
    this.#message = undefined;
  }

  #open(): number {
    if (this.#message !== undefined && this.#writer.length - this.#list > mostListBytes) this.end();
    if (this.#message === undefined) {
      const type = this.#action === 'add' ? messages.newElements : messages.deleteElements;
      this.#message = this.#transaction.open(type, this.#subject);
      this.#writer.text(attributes.elements.table, tableName);
      this.#writer.text(attributes.elements.set, this.#name);
      if (this.#setId !== undefined) this.#writer.u32(attributes.elements.setId, this.#setId);
      this.#list = this.#writer.open(attributes.elements.list);
    }
    return this.#writer.open(attributes.list.element);
  }

  #key(type: number, key: Uint8Array): void {
    const start = this.#writer.open(type);
    this.#writer.raw(attributes.data.value, key);
    this.#writer.close(start);
  }

  #verdict(verdict: Verdict): void {
    const start = this.#writer.open(attributes.element.data);
    writeVerdict(this.#writer, verdict);
    this.#writer.close(start);
  }

  /** In the host's order, as the packet's priority is; attributes are in network order. */
  #note(note: number): void {
    const start = this.#writer.open(attributes.element.data);
    this.#writer.u32(attributes.data.value, swapped(note));
    this.#writer.close(start);
  }
}

function swapped(value: number): number {
  return (((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}

/**
 * The messages of one transaction, numbered, each with what it is about.
 *
 *   objects, elements, rules ─[Transaction]→ one datagram;  the kernel's error ─sequence→ `subjectOf`
 *
 * Invariant: every message between begin and end has a sequence number of its own.
 */
import { AttributeWriter } from '../../../netlink/attributes.ts';
import { beginBatch, closeMessage, endBatch, messageFlags, openMessage, subsystems } from '../../../netlink/message.ts';
import { inet, messages } from './numbers.ts';

export class Transaction {
  readonly writer: AttributeWriter;
  readonly #subjects: string[] = [];
  #setIds = 0;

  constructor(writer = new AttributeWriter(64 * 1024)) {
    this.writer = writer;
  }

  /** @param generation what the ruleset must be of for the transaction to count; undefined for any. */
  begin(generation: number | undefined): void {
    beginBatch(this.writer, this.#next('the transaction'), generation);
  }

  /** The whole datagram, valid until the writer is used again. */
  end(): Uint8Array {
    endBatch(this.writer, this.#next('the transaction'));
    return this.writer.bytes();
  }

  /** Begins a message; `close` takes what this gives. */
  open(type: number, subject: string, moreFlags = 0): number {
    const isNew = makers.has(type);
    const flags = (isNew ? messageFlags.create : 0) | moreFlags;
    const sequence = this.#next(subject);
    return openMessage(this.writer, { subsystem: subsystems.nftables, type, flags, sequence, family: inet });
  }

  close(start: number): void {
    closeMessage(this.writer, start);
  }

  /** By which a rule finds an anonymous set of the same transaction. */
  nextSetId(): number {
    this.#setIds++;
    return this.#setIds;
  }

  /** What the message of this sequence is about. */
  subjectOf(sequence: number | undefined): string | undefined {
    return sequence === undefined ? undefined : this.#subjects[sequence - 1];
  }

  #next(subject: string): number {
    this.#subjects.push(subject);
    return this.#subjects.length;
  }
}

const makers: ReadonlySet<number> = new Set([
  messages.newTable,
  messages.newChain,
  messages.newRule,
  messages.newSet,
  messages.newElements,
]);

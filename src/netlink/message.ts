/**
 * Netlink messages of netfilter: framing, batches, acknowledgements (linux/netlink.h, linux/netfilter/nfnetlink.h).
 *
 *   Message* ─[writeMessage]→ datagram          datagram ─[readMessages]→ Message*
 *
 * Invariant: a batch is one datagram, since the kernel takes it as one transaction only so.
 */
import type { AttributeWriter } from './attributes.ts';

/** Flags of a message's header. */
export const messageFlags = {
  request: 0x1,
  acknowledge: 0x4,
  echo: 0x8,
  /** NLM_F_ROOT | NLM_F_MATCH: all there is. */
  dump: 0x300,
  /** Of a message that makes something. */
  replace: 0x100,
  excludeExisting: 0x200,
  create: 0x400,
  append: 0x800,
} as const;

/** A dump was changed while it was read: read it again. */
const dumpInterrupted = 0x10;

export const subsystems = { conntrack: 1, conntrackExpect: 2, log: 4, nftables: 10 } as const;

const types = { error: 2, done: 3, batchBegin: 0x10, batchEnd: 0x11 } as const;
const headerBytes = 16;
const familyHeaderBytes = 4;
/** NFNL_BATCH_GENID: the transaction is refused if the ruleset is of another generation. */
const batchGenerationAttribute = 1;

export interface MessageHead {
  readonly subsystem: number;
  readonly type: number;
  readonly flags: number;
  /** Comes back in the acknowledgement or error. */
  readonly sequence: number;
  /** NFPROTO_*: 1 inet, 2 IPv4, 10 IPv6. */
  readonly family: number;
  /** nfgen's res_id; 0 unless a subsystem says otherwise. */
  readonly resource?: number;
}

/** Appends one message; `write` adds its attributes. */
export function writeMessage(writer: AttributeWriter, head: MessageHead, write: () => void): void {
  const start = openMessage(writer, head);
  write();
  closeMessage(writer, start);
}

/** For loops without a closure; `closeMessage` takes what this gave. */
export function openMessage(writer: AttributeWriter, head: MessageHead): number {
  const start = writer.reserve(headerBytes + familyHeaderBytes);
  const view = writer.view();
  view.setUint16(start + 4, (head.subsystem << 8) | head.type, true);
  view.setUint16(start + 6, head.flags | messageFlags.request, true);
  view.setUint32(start + 8, head.sequence, true);
  view.setUint8(start + 16, head.family);
  view.setUint16(start + 18, head.resource ?? 0);
  return start;
}

export function closeMessage(writer: AttributeWriter, start: number): void {
  writer.view().setUint32(start, writer.length - start, true);
}

/** @param generation what the ruleset must be of for the transaction to count; undefined for any. */
export function beginBatch(writer: AttributeWriter, sequence: number, generation: number | undefined): void {
  const start = openBatchMessage(writer, types.batchBegin, sequence);
  if (generation !== undefined) writer.u32(batchGenerationAttribute, generation);
  closeMessage(writer, start);
}

export function endBatch(writer: AttributeWriter, sequence: number): void {
  closeMessage(writer, openBatchMessage(writer, types.batchEnd, sequence));
}

function openBatchMessage(writer: AttributeWriter, type: number, sequence: number): number {
  return openMessage(writer, { subsystem: 0, type, flags: 0, sequence, family: 0, resource: subsystems.nftables });
}

export type Message =
  | {
      readonly kind: 'data';
      readonly subsystem: number;
      readonly type: number;
      readonly flags: number;
      readonly sequence: number;
      /** Netlink port of whoever caused it. */
      readonly port: number;
      readonly family: number;
      readonly attributes: Uint8Array;
    }
  /** An acknowledgement has errno 0. */
  | { readonly kind: 'error'; readonly sequence: number; readonly errno: number }
  /** The end of a dump; with an errno, of one that failed on its way. */
  | { readonly kind: 'done'; readonly sequence: number; readonly errno: number };

/** Undefined where the datagram is cut off or not netlink. */
export function readMessages(datagram: Uint8Array): readonly Message[] | undefined {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const messages: Message[] = [];
  for (let at = 0; at + headerBytes <= datagram.length; ) {
    const length = view.getUint32(at, true);
    if (length < headerBytes || at + length > datagram.length) return undefined;
    messages.push(readMessage(datagram.subarray(at, at + length)));
    at += (length + 3) & ~3;
  }
  return messages;
}

export function isDumpInterrupted(message: Message): boolean {
  return message.kind === 'data' && (message.flags & dumpInterrupted) !== 0;
}

function readMessage(bytes: Uint8Array): Message {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = view.getUint16(4, true);
  const sequence = view.getUint32(8, true);
  const errno = bytes.length < 20 ? 0 : 0 - view.getInt32(16, true);
  if (type === types.done) return { kind: 'done', sequence, errno };
  if (type === types.error) return { kind: 'error', sequence, errno };
  return {
    kind: 'data',
    subsystem: type >> 8,
    type: type & 0xff,
    flags: view.getUint16(6, true),
    sequence,
    port: view.getUint32(12, true),
    family: bytes.length > headerBytes ? view.getUint8(16) : 0,
    attributes: bytes.subarray(headerBytes + familyHeaderBytes),
  };
}

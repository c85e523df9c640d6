/**
 * A table of its own that makes the kernel tell what one sort of packet meets on its way, and takes no part in the verdict.
 *
 *   TraceFilter ─[encodeTraceTable]→ one nfnetlink batch
 *
 *   prerouting, output   before everybody else: this packet, this interface → `meta nftrace set 1`
 *   the other hooks      after everybody else: nothing but the event that the packet came so far
 *
 * The table belongs to the netlink socket that makes it (NFT_TABLE_F_OWNER, linux/netfilter/nf_tables.h): the kernel removes
 * it when that socket is closed, however its process ends.
 * Invariant: every chain accepts, no mark is touched; so many packets a second are traced at most, that a flood costs nothing.
 */
import { AttributeWriter } from '../../netlink/attributes.ts';
import { beginBatch, endBatch, messageFlags, subsystems, writeMessage } from '../../netlink/message.ts';
import { ExpressionWriter } from '../netlink/encode/expressions.ts';
import { acceptPolicy, comparisons, hookNumbers, inet, nfproto, payloadBases } from '../netlink/encode/numbers.ts';
import { attributes, messages, metaKeys } from './wire.ts';

/** What a packet must be to be traced; addresses are 4 or 16 bytes, and what is left out may be anything. */
export interface TraceFilter {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly icmpType?: number;
  /** The interface it arrives on; undefined for packets of this machine. */
  readonly inbound: string | undefined;
}

/** The chain a traced packet is seen in last, by hook. */
export const lastSeenChains = {
  prerouting: 'passed-prerouting',
  input: 'passed-input',
  forward: 'passed-forward',
  output: 'passed-output',
  postrouting: 'passed-postrouting',
} as const;

export type TracedHook = keyof typeof lastSeenChains;

const ownerFlag = 2;
/** After defragmentation (-400), before raw (-300). */
const firstPriority = -350;
const lastPriority = 0x7fff_0000;
const packetsPerSecond = 20;
const burst = 5;

export function encodeTraceTable(name: string, filter: TraceFilter): Uint8Array {
  const writer = new AttributeWriter();
  let sequence = 1;
  const add = (type: number, write: () => void, flags: number = messageFlags.create): void => {
    const head = { subsystem: subsystems.nftables, type, flags, sequence: sequence++, family: inet };
    writeMessage(writer, { ...head, flags: flags | messageFlags.acknowledge }, write);
  };
  const addChain = (chain: string, hook: TracedHook, priority: number): void =>
    add(messages.newChain, () => {
      writer.text(attributes.chain.table, name);
      writer.text(attributes.chain.name, chain);
      writer.nest(attributes.chain.hook, () => {
        writer.u32(attributes.hook.number, hookNumbers[hook]);
        writer.u32(attributes.hook.priority, priority >>> 0);
      });
      writer.u32(attributes.chain.policy, acceptPolicy);
      writer.text(attributes.chain.type, 'filter');
    });

  beginBatch(writer, sequence++, undefined);
  add(messages.newTable, () => {
    writer.text(attributes.table.name, name);
    writer.u32(attributes.table.flags, ownerFlag);
  });
  const start = filter.inbound === undefined ? 'output' : 'prerouting';
  addChain('start', start, firstPriority);
  for (const [hook, chain] of Object.entries(lastSeenChains)) addChain(chain, hook as TracedHook, lastPriority);
  add(
    messages.newRule,
    () => {
      writer.text(attributes.rule.table, name);
      writer.text(attributes.rule.chain, 'start');
      writer.nest(attributes.rule.expressions, () => writeExpressions(writer, filter));
    },
    messageFlags.create | messageFlags.append,
  );
  endBatch(writer, sequence);
  return writer.bytes().slice();
}

function writeExpressions(writer: AttributeWriter, filter: TraceFilter): void {
  const { source, destination, protocol, sourcePort, destinationPort, icmpType, inbound } = filter;
  const isIpv4 = source.length === 4;
  const expressions = new ExpressionWriter(writer);
  const meta = (key: number, value: Uint8Array): void => {
    expressions.meta(key);
    expressions.compare(comparisons.equal, value);
  };
  const payload = (base: number, offset: number, value: Uint8Array): void => {
    expressions.payload(base, offset, value.length);
    expressions.compare(comparisons.equal, value);
  };
  if (inbound !== undefined) meta(metaKeys.inboundName, interfaceBytes(inbound));
  meta(metaKeys.family, Uint8Array.of(nfproto[isIpv4 ? 4 : 6]));
  payload(payloadBases.network, isIpv4 ? 12 : 8, source);
  payload(payloadBases.network, isIpv4 ? 16 : 24, destination);
  meta(metaKeys.protocol, Uint8Array.of(protocol));
  if (sourcePort !== undefined) payload(payloadBases.transport, 0, bigEndian(sourcePort));
  if (destinationPort !== undefined) payload(payloadBases.transport, 2, bigEndian(destinationPort));
  if (icmpType !== undefined) payload(payloadBases.transport, 0, Uint8Array.of(icmpType));
  expressions.limit(packetsPerSecond, 1, burst);
  expressions.immediate(Uint8Array.of(1));
  expressions.setMeta(metaKeys.trace);
}

function bigEndian(port: number): Uint8Array {
  return Uint8Array.of(port >> 8, port & 0xff);
}

/** IFNAMSIZ bytes. */
export function interfaceBytes(name: string): Uint8Array {
  const bytes = new Uint8Array(16);
  for (let i = 0; i < Math.min(name.length, 15); i++) bytes[i] = name.charCodeAt(i);
  return bytes;
}

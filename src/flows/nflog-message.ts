/**
 * nflog's wire format (linux/netfilter/nfnetlink_log.h).
 *
 *   [encodeBind] ─▶ kernel ─▶ Message ─[readLogMessage]→ LogMessage → explain-message.ts
 *
 * Invariant: what comes in is never trusted to be whole; a message without a packet is none.
 */
import { type AttributeWriter, readAttributes, readText, readU32 } from '../netlink/attributes.ts';
import { type Message, messageFlags, subsystems, writeMessage } from '../netlink/message.ts';
import { type FlowTuple, readOriginalTuple } from './established/tracked-flow.ts';

export type LogHook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';

export interface LogMessage {
  /** Of the log statement, in full. */
  readonly prefix: string;
  readonly hook: LogHook;
  /** Interface indexes; undefined where the hook has none. */
  readonly inbound: number | undefined;
  readonly outbound: number | undefined;
  /** From the IP header on, as much as was asked for. */
  readonly packet: Uint8Array;
  /** Counts the messages of the group, those that were lost included, modulo 2^32. */
  readonly sequence: number | undefined;
  /** As the flow's first packet was sent, before any translation; only where the kernel can say (NETFILTER_NETLINK_GLUE_CT). */
  readonly original: FlowTuple | undefined;
}

const messageTypes = { packet: 0, config: 1 } as const;
const packetAttribute = {
  header: 1,
  inbound: 4,
  outbound: 5,
  payload: 9,
  prefix: 10,
  sequence: 12,
  conntrack: 18,
} as const;
const configAttribute = { command: 1, mode: 2, threshold: 5, flags: 6 } as const;
const bindCommand = 1;
const copyPacket = 2;
const configFlags = { sequence: 1, conntrack: 4 } as const;
/** In the order of NF_INET_*. */
const hooks: readonly LogHook[] = ['prerouting', 'input', 'forward', 'output', 'postrouting'];

/** Takes the group, and asks for each message at once, numbered, with `copyBytes` of its packet at most. */
export function encodeBind(writer: AttributeWriter, group: number, copyBytes: number): void {
  writeConfig(writer, 1, group, () => writer.u8(configAttribute.command, bindCommand));
  writeConfig(writer, 2, group, () => {
    const mode = new Uint8Array(6);
    const view = new DataView(mode.buffer);
    view.setUint32(0, copyBytes);
    view.setUint8(4, copyPacket);
    writer.raw(configAttribute.mode, mode);
    writer.u32(configAttribute.threshold, 1);
    writer.u16(configAttribute.flags, configFlags.sequence);
  });
}

/** Asks for the flow of each packet as well; refused by a kernel that cannot say. */
export function encodeAskForFlow(writer: AttributeWriter, group: number): void {
  writeConfig(writer, 3, group, () => writer.u16(configAttribute.flags, configFlags.sequence | configFlags.conntrack));
}

function writeConfig(writer: AttributeWriter, sequence: number, group: number, write: () => void): void {
  const head = {
    subsystem: subsystems.log,
    type: messageTypes.config,
    flags: messageFlags.acknowledge,
    sequence,
    family: 0,
    resource: group,
  };
  writeMessage(writer, head, write);
}

/** Undefined where the message is no logged packet. */
export function readLogMessage(message: Message): LogMessage | undefined {
  if (message.kind !== 'data' || message.subsystem !== subsystems.log || message.type !== messageTypes.packet) {
    return undefined;
  }
  const attributes = readAttributes(message.attributes);
  const hook = hooks[attributes.get(packetAttribute.header)?.[2] ?? -1];
  const packet = attributes.get(packetAttribute.payload);
  if (!hook || !packet) return undefined;
  const number = (type: number): number | undefined => {
    const bytes = attributes.get(type);
    return bytes && readU32(bytes);
  };
  const flow = attributes.get(packetAttribute.conntrack);
  return {
    prefix: readText(attributes.get(packetAttribute.prefix) ?? new Uint8Array()),
    hook,
    inbound: number(packetAttribute.inbound),
    outbound: number(packetAttribute.outbound),
    packet,
    sequence: number(packetAttribute.sequence),
    original: flow && readOriginalTuple(flow),
  };
}

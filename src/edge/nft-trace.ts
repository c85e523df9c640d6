/**
 * Follows one real packet through the kernel's packet filter.
 *
 *   TraceFilter ─[openPacketTrace]→ a table of its own in the kernel ─trace events→ Observation
 *
 * The events come over netlink (group NFNLGRP_NFTRACE), as `nft monitor trace` gets them.
 * Invariant: what is made belongs to a socket of this process, so that the kernel takes it away when the process ends; our own
 * table is only read.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import koffi from 'koffi';
import { AttributeWriter } from '../netlink/attributes.ts';
import type { Message } from '../netlink/message.ts';
import { encodeRequest, type TableRequest } from '../nftables/netlink/read-requests.ts';
import { isAtItsEnd, type KernelNames, type Observation, observePacket } from '../nftables/trace/observe-packet.ts';
import { readElements, readRule, readTraceEvent, type TraceEvent } from '../nftables/trace/read-trace.ts';
import { encodeTraceTable, type TraceFilter } from '../nftables/trace/trace-table.ts';
import { attributes } from '../nftables/trace/wire.ts';
import { err, ok, type Result } from '../result.ts';
import { type NetlinkError, type NetlinkSocket, openNetlinkSocket } from './netlink-socket.ts';

const libc = koffi.load('libc.so.6');
const nameOfInterface = libc.func('char *if_indextoname(uint32_t index, _Out_ uint8_t *name)');

/** NFNLGRP_NFTRACE, group 9. */
const traceGroup = 1 << 8;
const pollMs = 10;
/** A packet passes all hooks within one turn of the kernel; what has not come by then does not come. */
const lostAfterMs = 300;

export interface PacketTrace {
  /** The first packet that fits; undefined when none came in time or the signal was given. */
  wait(withinMs: number, signal: AbortSignal): Promise<Observation | undefined>;
  /** Takes the table away. */
  close(): void;
}

/** An error is told in words. */
export async function openPacketTrace(filter: TraceFilter): Promise<Result<PacketTrace, string>> {
  const listener = openNetlinkSocket({ groups: traceGroup });
  const owner = openNetlinkSocket();
  const close = (): void => {
    owner?.close();
    listener?.close();
  };
  if (!listener || !owner) {
    close();
    return err('netlink sockets cannot be opened: tracing needs CAP_NET_ADMIN');
  }
  const table = `causeway_trace_${randomBytes(4).toString('hex')}`;
  const made = await owner.request(encodeTraceTable(table, filter));
  if (!made.ok) {
    close();
    return err(printError(made.error));
  }
  return ok({
    async wait(withinMs, signal) {
      const events = await collect(listener, table, withinMs, signal);
      if (events.length === 0) return undefined;
      return observePacket(events, table, filter.protocol, kernelNames(owner));
    },
    close,
  });
}

/** The events of the first packet that the table marks; none when none came. */
async function collect(
  listener: NetlinkSocket,
  table: string,
  withinMs: number,
  signal: AbortSignal,
): Promise<readonly TraceEvent[]> {
  const began = performance.now();
  const seen: TraceEvent[] = [];
  let packet: number | undefined;
  let lastAt = began;
  for (;;) {
    for (const message of listener.drain().messages) {
      const event = readTraceEvent(message);
      if (!event) continue;
      // Packets that others trace pass this table too; only those it marked have met its rule.
      const isMarked = event.table === table && event.chain === 'start' && event.handle !== undefined;
      if (isMarked) packet ??= event.packet;
      if (event.packet !== packet) continue;
      // The kernel's number for a packet is soon given to another one.
      if (isMarked && seen.length > 0) return seen;
      seen.push(event);
      lastAt = performance.now();
      if (isAtItsEnd(seen, table)) return seen;
    }
    const now = performance.now();
    if (seen.length > 0 && now - lastAt > lostAfterMs) return seen;
    if (seen.length === 0 && (now - began > withinMs || signal.aborted)) return seen;
    await pause(pollMs);
  }
}

function kernelNames(socket: NetlinkSocket): KernelNames {
  async function ask(request: TableRequest): Promise<readonly Message[]> {
    const writer = new AttributeWriter();
    encodeRequest(writer, 1, request);
    const answer = await socket.request(writer.bytes());
    return answer.ok ? answer.value : [];
  }
  return {
    async rules(chain) {
      return (await ask({ kind: 'rules', chain })).flatMap((message) => readRule(message) ?? []);
    },
    async findElement(set, key) {
      const writer = new AttributeWriter();
      writer.nest(attributes.element.key, () => writer.raw(attributes.data.value, key));
      return (await ask({ kind: 'element', set, key: writer.bytes() })).flatMap(readElements)[0];
    },
    interfaceName(index) {
      const name = Buffer.alloc(16);
      return nameOfInterface(index, name) === null ? `#${index}` : name.toString('latin1').replace(/\0.*$/s, '');
    },
  };
}

function printError({ kind, errno }: NetlinkError): string {
  if (kind === 'not-permitted') return 'the kernel does not permit a trace: it needs CAP_NET_ADMIN';
  return `the kernel takes no trace table (errno ${errno}): it must be Linux 5.12 or newer with nf_tables`;
}

/**
 * Reads what the kernel tells of packets over nflog, in the network namespace the process is in.
 *
 *   kernel ─nflog group─▶ [openNflog] ─drain─▶ LogMessage → flows/
 *
 * Node cannot poll a netlink socket; who follows drains ten times a second, which costs one call where nothing came.
 * Invariant: a group has one reader: where somebody else has it, that is said and nothing is taken from them. What is lost is
 * counted, by the kernel's own numbering.
 */
import koffi from 'koffi';
import { encodeAskForFlow, encodeBind, type LogMessage, readLogMessage } from '../flows/nflog-message.ts';
import { AttributeWriter } from '../netlink/attributes.ts';
import { err, ok, type Result } from '../result.ts';
import { errnos, type NetlinkSocket, openNetlinkSocket } from './netlink-socket.ts';

const libc = koffi.load('libc.so.6');
const indexToName = libc.func('char *if_indextoname(unsigned int index, _Out_ char *name)');
const interfaceNameBytes = 16;

/** Room for some ten thousand messages: two seconds of the most that the kernel's limits let through for denials. */
const receiveBufferBytes = 8 * 1024 * 1024;
/** The log statements ask for less. */
const copyBytes = 256;

export interface NflogError {
  /** `held`: somebody else reads the group. */
  readonly kind: 'held' | 'not-permitted' | 'failed';
  readonly message: string;
}

export interface NflogReader {
  /** What came since the last look, `most` messages at most; `lost` is how many more there were and are gone. */
  drain(most: number): { readonly messages: readonly LogMessage[]; readonly lost: number };
  /** Gives the group back. */
  close(): void;
}

/** `open` gives a socket of the network namespace that is read. */
export async function openNflog(
  group: number,
  open: () => NetlinkSocket | undefined = () => openNetlinkSocket({ receiveBufferBytes }),
): Promise<Result<NflogReader, NflogError>> {
  const socket = open();
  if (!socket) return err({ kind: 'not-permitted', message: 'no netfilter socket can be had here' });
  const writer = new AttributeWriter(256);
  encodeBind(writer, group, copyBytes);
  const bound = await socket.request(writer.bytes());
  if (!bound.ok) {
    socket.close();
    const { errno } = bound.error;
    // The kernel answers EPERM for a group of another socket (nfulnl_recv_config), and a socket was to be had.
    return errno === errnos.EPERM || errno === errnos.EBUSY
      ? err({ kind: 'held', message: `another program reads nflog group ${group}` })
      : err({ kind: 'failed', message: `nflog group ${group} cannot be read: errno ${errno}` });
  }
  writer.reset();
  encodeAskForFlow(writer, group);
  await socket.request(writer.bytes()); // a kernel that cannot say refuses, and says no more than before
  return ok(createReader(socket));
}

function createReader(socket: NetlinkSocket): NflogReader {
  let expected: number | undefined;
  return {
    drain(most) {
      let lost = 0;
      const messages: LogMessage[] = [];
      for (const each of socket.drain(most).messages) {
        const message = readLogMessage(each);
        if (!message) continue;
        const { sequence } = message;
        if (sequence !== undefined) {
          if (expected !== undefined) lost += (sequence - expected) >>> 0;
          expected = (sequence + 1) >>> 0;
        }
        messages.push(message);
      }
      return { messages, lost };
    },
    close: () => socket.close(),
  };
}

const nameCacheMs = 1000;
/** Indexes count up for as long as the machine runs: beyond this many all are asked for anew. */
const mostNames = 10_000;

/** Names of interfaces by index, asked of the kernel at most once a second each; `#7` for one that is gone. */
export function createInterfaceNames(now: () => number): (index: number) => string {
  const names = new Map<number, { readonly name: string; readonly at: number }>();
  return (index) => {
    const known = names.get(index);
    if (known && now() - known.at < nameCacheMs) return known.name;
    const buffer = Buffer.alloc(interfaceNameBytes);
    const isFound = indexToName(index, buffer) !== null;
    const name = isFound ? buffer.toString('latin1').replace(/\0.*$/s, '') : `#${index}`;
    if (names.size >= mostNames) names.clear();
    names.set(index, { name, at: now() });
    return name;
  };
}

/**
 * Finds rules and map elements of our table by their comment, with what they have counted.
 *
 *   comment, names of chains ─[findKernelObjects]→ KernelObject[]
 *
 * Invariant: only reads; the kernel is asked for rules once and for the elements of those maps that count.
 */
import type { KernelObject } from '../api/explanation.ts';
import { AttributeWriter } from '../netlink/attributes.ts';
import type { Message } from '../netlink/message.ts';
import { encodeRequest, type TableRequest } from '../nftables/netlink/read-requests.ts';
import { readElements, readRule, readSetHead } from '../nftables/trace/read-trace.ts';
import { err, ok, type Result } from '../result.ts';
import { type NetlinkSocket, openNetlinkSocket } from './netlink-socket.ts';

const attempts = 3;

/** `prefixes` are beginnings of the names of chains and maps. An error is told in words. */
export async function findKernelObjects(
  prefixes: readonly string[],
  comment: string,
): Promise<Result<readonly KernelObject[], string>> {
  const socket = openNetlinkSocket();
  if (!socket) return err('a netlink socket cannot be opened');
  try {
    // A dump that a change interrupts is asked for again.
    for (let attempt = 1; ; attempt++) {
      const found = await findOnce(socket, prefixes, comment);
      if (found.ok || attempt === attempts) return found;
    }
  } finally {
    socket.close();
  }
}

async function findOnce(
  socket: NetlinkSocket,
  prefixes: readonly string[],
  comment: string,
): Promise<Result<readonly KernelObject[], string>> {
  const isAsked = (name: string): boolean => prefixes.some((prefix) => name.startsWith(prefix));
  const objects: KernelObject[] = [];
  const rulesRead = await dump(socket, { kind: 'rules', chain: undefined }, (message) => {
    const rule = readRule(message);
    if (rule?.comment !== comment || !isAsked(rule.chain)) return;
    const count = rule.counter ?? { packets: 0, bytes: 0 };
    objects.push({ kind: 'rule', in: rule.chain, handle: Number(rule.handle), ...count });
  });
  if (!rulesRead.ok) return rulesRead;
  const maps: string[] = [];
  const setsRead = await dump(socket, { kind: 'sets' }, (message) => {
    const set = readSetHead(message);
    if (set?.isCounted && isAsked(set.name)) maps.push(set.name);
  });
  if (!setsRead.ok) return setsRead;
  for (const map of maps.sort()) {
    const elementsRead = await dump(socket, { kind: 'elements', set: map }, (message) => {
      for (const element of readElements(message)) {
        if (element.comment !== comment) continue;
        objects.push({ kind: 'element', in: map, handle: null, ...(element.counter ?? { packets: 0, bytes: 0 }) });
      }
    });
    if (!elementsRead.ok) return elementsRead;
  }
  return ok(objects);
}

async function dump(
  socket: NetlinkSocket,
  request: TableRequest,
  take: (message: Message) => void,
): Promise<Result<void, string>> {
  const writer = new AttributeWriter();
  encodeRequest(writer, 1, request);
  const read = await socket.requestEach(writer.bytes(), take);
  return read.ok ? read : err(`the kernel does not tell its rules (errno ${read.error.errno})`);
}

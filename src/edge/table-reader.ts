/**
 * Reads our nf_tables table over netlink.
 *
 *   TableRequest ─▶ kernel ─dumps─▶ [createTableReader] ─▶ digests, counters
 *
 * Dumps come in pieces of some 30 KB; between them others have their turn, and nothing of a dump is kept but sums.
 * Invariant: an answer is of one generation: the count is asked for before and after, and if it moved all is read again.
 */
import { AttributeWriter } from '../netlink/attributes.ts';
import type { Message } from '../netlink/message.ts';
import { encodeRequest, readGeneration, type TableRequest } from '../nftables/netlink/read-requests.ts';
import { anonymousSetsOf, readElements, TableReading } from '../nftables/netlink/read-table.ts';
import type { NftError } from '../nftables/packet-filter.ts';
import { CounterReading, type PacketCount } from '../nftables/read-counters.ts';
import type { ElementDigest, ElementQuery, TableReader } from '../nftables/table-reader.ts';
import { err, ok, type Result } from '../result.ts';
import { errnos, type NetlinkError, type NetlinkSocket, openNetlinkSocket } from './netlink-socket.ts';

/** A table that others change while it is read is read again this often. */
const mostReads = 8;
/** Each answer takes the kernel a buffer of some 4 KB, which have to fit into the socket's. */
const queriesAtOnce = 500;

type Answered<T> = Promise<Result<T, NftError>>;

/** `open` gives a socket of the network namespace whose table is read. */
export function createTableReader(open: () => NetlinkSocket | undefined = openNetlinkSocket): TableReader {
  /** For what is asked after each change: one socket, whose answers must not mix. */
  let kept: NetlinkSocket | undefined;
  let last: Promise<unknown> = Promise.resolve();
  function inTurn<T>(read: (asker: Asker) => Promise<T>): Answered<T> {
    kept ??= open();
    const socket = kept;
    const answered = last.then(() => askAll(socket, read));
    last = answered;
    return answered;
  }

  return {
    readTable: () =>
      aside(open, (asker) =>
        inOneGeneration(asker, async (generation) => {
          const reading = await readWhole(asker);
          return reading.isThere ? { generation, digests: reading.digests() } : undefined;
        }),
      ),
    readParts: (parts) =>
      inTurn((asker) =>
        inOneGeneration(asker, async (generation) => {
          const reading = new TableReading();
          for (const name of parts.sets) await readSet(asker, reading, name);
          for (const name of parts.chains) await readChain(asker, reading, name);
          const elements: (ElementDigest | undefined)[] = [];
          for (let at = 0; at < parts.elements.length; at += queriesAtOnce) {
            elements.push(...(await askElements(asker, parts.elements.slice(at, at + queriesAtOnce))));
          }
          return { generation, digests: reading.digests(), elements };
        }),
      ),
    readGeneration: () => inTurn((asker) => asker.generation()),
    readCounters: () => aside(open, (asker) => inOneGeneration(asker, () => readAllCounters(asker))),
    close() {
      kept?.close();
      kept = undefined;
    },
  };
}

async function readWhole(asker: Asker): Promise<TableReading> {
  const reading = new TableReading();
  const take = (message: Message) => reading.take(message);
  await asker.each({ kind: 'table' }, take);
  if (!reading.isThere) return reading;
  await asker.each({ kind: 'sets' }, take);
  for (const set of reading.setNames()) await asker.each({ kind: 'elements', set }, take);
  for (const kind of ['chains', 'objects', 'flowtables'] as const) await asker.each({ kind }, take);
  await asker.each({ kind: 'rules', chain: undefined }, take);
  return reading;
}

async function readAllCounters(asker: Asker): Promise<ReadonlyMap<string, PacketCount>> {
  const counters = new CounterReading();
  const sets = new TableReading();
  await asker.each({ kind: 'sets' }, (message) => sets.take(message));
  for (const set of sets.setNames()) {
    await asker.each({ kind: 'elements', set }, (message) => counters.take(message));
  }
  await asker.each({ kind: 'rules', chain: undefined }, (message) => counters.take(message));
  return counters.counts();
}

async function readSet(asker: Asker, reading: TableReading, name: string): Promise<void> {
  let isThere = false;
  await asker.each({ kind: 'set', name }, (message) => {
    isThere = true;
    reading.take(message);
  });
  if (isThere) await asker.each({ kind: 'elements', set: name }, (message) => reading.take(message));
}

/** Its anonymous sets come before its rules, as the reading wants it. */
async function readChain(asker: Asker, reading: TableReading, name: string): Promise<void> {
  let isThere = false;
  await asker.each({ kind: 'chain', name }, (message) => {
    isThere = true;
    reading.take(message);
  });
  if (!isThere) return;
  const rules: Message[] = [];
  await asker.each({ kind: 'rules', chain: name }, (message) => rules.push(message));
  for (const set of new Set(rules.flatMap(anonymousSetsOf))) await readSet(asker, reading, set);
  for (const rule of rules) reading.take(rule);
}

async function askElements(
  asker: Asker,
  queries: readonly ElementQuery[],
): Promise<readonly (ElementDigest | undefined)[]> {
  const answers: Message[][] = queries.map(() => []);
  const requests = queries.map((query): TableRequest => ({ kind: 'element', ...query }));
  for (const message of await asker.several(requests)) {
    if (message.kind === 'data') answers[message.sequence - 1]?.push(message);
  }
  return answers.map((messages) => readElements(messages)[0]);
}

/** Requests one after the other. After one that failed nothing more is asked, and what was read counts for nothing. */
interface Asker {
  /** An object that is not there gives no message. */
  each(request: TableRequest, take: (message: Message) => void): Promise<void>;
  /** Sequences count from 1 in the order of the requests. */
  several(requests: readonly TableRequest[]): Promise<readonly Message[]>;
  /** 0 after a failure. */
  generation(): Promise<number>;
  failure: NetlinkError | undefined;
}

function makeAsker(socket: NetlinkSocket): Asker {
  const writer = new AttributeWriter();
  const asker: Asker = {
    failure: undefined,
    async each(request, take) {
      if (asker.failure) return;
      writer.reset();
      encodeRequest(writer, 1, request);
      const done = await socket.requestEach(writer.bytes(), take);
      if (!done.ok && done.error.errno !== errnos.ENOENT) asker.failure = done.error;
    },
    async several(requests) {
      if (asker.failure) return [];
      writer.reset();
      for (const [at, request] of requests.entries()) encodeRequest(writer, at + 1, request);
      const answered = await socket.requestSeveral(writer.bytes());
      if (answered.ok) return answered.value;
      asker.failure = answered.error;
      return [];
    },
    async generation() {
      const messages: Message[] = [];
      await asker.each({ kind: 'generation' }, (message) => messages.push(message));
      const generation = readGeneration(messages);
      if (generation === undefined) asker.failure ??= { kind: 'malformed', errno: 0, sequence: undefined };
      return generation ?? 0;
    },
  };
  return asker;
}

/** On a socket of its own: what takes long holds up nothing else. */
async function aside<T>(open: () => NetlinkSocket | undefined, read: (asker: Asker) => Promise<T>): Answered<T> {
  const socket = open();
  try {
    return await askAll(socket, read);
  } finally {
    socket?.close();
  }
}

async function askAll<T>(socket: NetlinkSocket | undefined, read: (asker: Asker) => Promise<T>): Answered<T> {
  if (!socket) return err({ kind: 'not-permitted', message: 'no netfilter socket can be had here' });
  const asker = makeAsker(socket);
  const value = await read(asker);
  return asker.failure ? err(toNftError(asker.failure)) : ok(value);
}

async function inOneGeneration<T>(asker: Asker, read: (generation: number) => Promise<T>): Promise<T> {
  for (let reads = 1; ; reads++) {
    const before = await asker.generation();
    const value = await read(before);
    const isWhole = (await asker.generation()) === before;
    const isInterrupted = asker.failure === undefined ? !isWhole : asker.failure.errno === errnos.EINTR;
    if (!isInterrupted || reads === mostReads) {
      if (isInterrupted) asker.failure = { kind: 'lost', errno: errnos.EINTR, sequence: undefined };
      return value;
    }
    asker.failure = undefined;
  }
}

function toNftError({ kind, errno }: NetlinkError): NftError {
  if (kind === 'not-permitted') return { kind, message: 'reading the ruleset takes CAP_NET_ADMIN' };
  const message = errno === errnos.EINTR ? 'the ruleset changed each time it was read' : `errno ${errno}`;
  return { kind: 'refused', message: `the kernel's ruleset cannot be read: ${message}` };
}

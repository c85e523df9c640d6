/**
 * The packet filter of the network namespace the process is in, over nfnetlink.
 *
 *   RulesetChange ─[apply]→ (handles of rules) ─▶ one batch ─▶ kernel            kernel ─[monitor]→ a bell
 *
 * Rules are edited by the kernel's handles, which are read right before; the transaction names the generation of the ruleset they
 * were read in, so that it counts only if nobody came in between.
 * Invariant: one change at a time, each whole or not at all.
 */
import { getSystemErrorName } from 'node:util';
import { AttributeWriter } from '../netlink/attributes.ts';
import type { RulesetChange } from '../nftables/diff.ts';
import { encodeChange, encodeTableRemoval, type RuleHandles } from '../nftables/netlink/encode/change.ts';
import { Transaction } from '../nftables/netlink/encode/transaction.ts';
import { readRuleHandles } from '../nftables/netlink/read-handles.ts';
import { encodeRequest, readGeneration } from '../nftables/netlink/read-requests.ts';
import type { NftError, PacketFilter } from '../nftables/packet-filter.ts';
import { tableName } from '../nftables/ruleset.ts';
import { err, ok, type Result } from '../result.ts';
import { watchTable } from './netfilter-events.ts';
import { errnos, type NetlinkError, type NetlinkSocket, openNetlinkSocket } from './netlink-socket.ts';
import { oneAtATime } from './one-at-a-time.ts';

const unnotifiedMs = 5000;
/** Others may change tables of theirs again and again while ours is to be changed. */
const mostAttempts = 8;
/** Beyond, the rules of all chains are read at once. */
const fewChains = 32;

type Applied<T = void> = Result<T, NftError>;

/** `open` gives a socket of the network namespace whose packet filter is meant; the monitor stays in our own. */
export function openPacketFilter(open: () => NetlinkSocket | undefined = openNetlinkSocket): PacketFilter {
  let kept: NetlinkSocket | undefined;
  const next = oneAtATime();
  /** A socket's answers must not mix. */
  function inTurn(work: (socket: NetlinkSocket) => Promise<Applied>): Promise<Applied> {
    return next(async () => {
      kept ??= open();
      return kept
        ? work(kept)
        : err({ kind: 'not-permitted', message: 'no netfilter socket can be had here' } as const);
    });
  }
  return {
    apply: (change) => inTurn((socket) => applyChange(socket, change)),
    remove: () => inTurn(removeTable),
    monitor: (onChange) => watchTable(tableName, (port) => port === kept?.port, onChange) ?? ringRegularly(onChange),
    close() {
      kept?.close();
      kept = undefined;
    },
  };
}

/** Without notifications: whoever listens looks for himself. */
function ringRegularly(onChange: () => void): { close(): void } {
  const timer = setInterval(onChange, unnotifiedMs);
  return { close: () => clearInterval(timer) };
}

async function applyChange(socket: NetlinkSocket, change: RulesetChange): Promise<Applied> {
  let first: RuleHandles | undefined;
  for (let attempt = 1; ; attempt++) {
    const place = change.changedChains.length === 0 ? ok(anyPlace) : await findRules(socket, change);
    if (!place.ok) return place;
    const { generation, handles } = place.value;
    first ??= handles;
    // A rule never changes under its handle: other handles are other rules, and whoever wrote them meant something else.
    if (!isSame(first, handles)) return err({ kind: 'stale', message: 'somebody else changed the same chains' });
    const transaction = new Transaction();
    transaction.begin(generation);
    encodeChange(transaction, change, handles);
    const sent = await socket.request(transaction.end());
    if (sent.ok) return ok(undefined);
    if (sent.error.errno !== errnos.ERESTART || attempt === mostAttempts) {
      return err(toNftError(sent.error, transaction, change));
    }
  }
}

async function removeTable(socket: NetlinkSocket): Promise<Applied> {
  const transaction = new Transaction(new AttributeWriter());
  transaction.begin(undefined);
  encodeTableRemoval(transaction);
  const sent = await socket.request(transaction.end());
  return sent.ok ? ok(undefined) : err(toNftError(sent.error, transaction, undefined));
}

function isSame(a: RuleHandles, b: RuleHandles): boolean {
  return [...a].every(([chain, handles]) => {
    const others = b.get(chain);
    return others?.length === handles.length && handles.every((handle, at) => handle === others[at]);
  });
}

interface RulePlaces {
  readonly generation: number | undefined;
  readonly handles: RuleHandles;
}

const anyPlace: RulePlaces = { generation: undefined, handles: new Map() };

async function findRules(socket: NetlinkSocket, { changedChains }: RulesetChange): Promise<Applied<RulePlaces>> {
  const names = changedChains.map(({ chain }) => chain.name);
  let read = await readHandles(socket, names);
  for (let attempt = 1; !read.ok && read.error.errno === errnos.EINTR && attempt < mostAttempts; attempt++) {
    read = await readHandles(socket, names); // somebody changed the ruleset while it was read
  }
  if (!read.ok) return err(unreadable(read.error));
  for (const { chain, rulesBefore } of changedChains) {
    const found = read.value.handles.get(chain.name)?.length;
    if (found !== rulesBefore) {
      const message = `chain ${chain.name} has ${found} rules where it should have ${rulesBefore}`;
      return err({ kind: 'stale', message });
    }
  }
  return read;
}

async function readHandles(socket: NetlinkSocket, names: readonly string[]): Promise<Result<RulePlaces, NetlinkError>> {
  const writer = new AttributeWriter(256);
  encodeRequest(writer, 1, { kind: 'generation' });
  const answered = await socket.request(writer.bytes());
  if (!answered.ok) return answered;
  const handles = new Map<string, bigint[]>(names.map((name) => [name, []]));
  for (const chain of names.length > fewChains ? [undefined] : names) {
    writer.reset();
    encodeRequest(writer, 1, { kind: 'rules', chain });
    const read = await socket.requestEach(writer.bytes(), (message) => readRuleHandles(message, handles));
    if (!read.ok) return read;
  }
  const generation = readGeneration(answered.value);
  // Without it, what others do meanwhile would go unnoticed.
  if (generation === undefined) return err({ kind: 'malformed', errno: 0, sequence: undefined });
  return ok({ generation, handles });
}

function unreadable({ kind, errno }: NetlinkError): NftError {
  if (kind === 'not-permitted') return { kind, message: notPermitted };
  return { kind: 'stale', message: `the rules to change cannot be read: ${describeErrno(errno)}` };
}

const notPermitted = 'changing the ruleset takes CAP_NET_ADMIN';

function toNftError(
  { kind, errno, sequence }: NetlinkError,
  transaction: Transaction,
  change: RulesetChange | undefined,
): NftError {
  if (kind === 'not-permitted') return { kind, message: notPermitted };
  if (kind !== 'refused') return { kind: 'stale', message: 'what the kernel answered was lost' };
  const subject = transaction.subjectOf(sequence);
  if (errno === errnos.EMSGSIZE || (errno === errnos.ENOBUFS && subject === undefined)) {
    const size = transaction.writer.length;
    return { kind: 'refused', message: `the socket takes no transaction of ${size} bytes (${describeErrno(errno)})` };
  }
  const message = `the kernel refuses ${subject ?? 'the transaction'}: ${describeErrno(errno)}`;
  // A table that is written whole asks for nothing to be there.
  const isStale = change?.whole === undefined && staleErrnos.has(errno);
  return { kind: isStale ? 'stale' : 'refused', message };
}

/** What the kernel says where an object is missing, is there already, or was changed meanwhile. */
const staleErrnos: ReadonlySet<number> = new Set([errnos.ENOENT, errnos.EEXIST, errnos.EAGAIN, errnos.ERESTART]);

function describeErrno(errno: number): string {
  return errno > 0 ? getSystemErrorName(-errno) : `errno ${errno}`;
}

/**
 * What the kernel must show of our table when it holds a ruleset.
 *
 *   Ruleset ─[expectedDigests]→ TableDigests ─[verifyTable]← ObservedTable
 *
 * An object's digest is that of the messages which make it (netlink/), so what is read back is compared attribute by attribute.
 * It is kept with the object, which never changes; of a map in which elements moved it is that of the map before, less the
 * elements that went and more those that came (`carryDigest`).
 * Invariant: a digest that was carried on equals the one made anew.
 */
import { AttributeWriter } from '../netlink/attributes.ts';
import { type Message, readMessages, subsystems, writeMessage } from '../netlink/message.ts';
import { readLanes } from './netlink/content-hash.ts';
import { encodeObjects } from './netlink/encode/objects.ts';
import {
  type ElementReading,
  newMessages,
  printSetContent,
  readElements,
  type SetContent,
  TableReading,
} from './netlink/read-table.ts';
import { type Chain, type Holder, type Ruleset, tableName } from './ruleset.ts';
import type { ObservedTable, TableDigests } from './table-reader.ts';

/** In words: which object is not as it should be. */
export type Discrepancy = string;

const chainDigests = new WeakMap<Chain, string>();
const setContents = new WeakMap<Holder, SetContent>();

/** Of a table with these objects and nothing else. */
export function expectedDigests(ruleset: Ruleset): TableDigests {
  learnDigests(ruleset);
  const digests = new Map([['table', tableDigest]]);
  for (const chain of ruleset.chains.values()) digests.set(`chain ${chain.name}`, chainDigests.get(chain) ?? '');
  for (const holder of holdersOf(ruleset)) {
    const content = setContents.get(holder);
    if (content) digests.set(`set ${holder.name}`, printSetContent(content));
  }
  return digests;
}

export function expectedChain(chain: Chain): string {
  if (!chainDigests.has(chain)) learn([chain], []);
  return chainDigests.get(chain) ?? '';
}

export function expectedSet(holder: Holder): string {
  return printSetContent(contentOf(holder));
}

/** Empty where the kernel holds the ruleset and nothing else. */
export function verifyTable(ruleset: Ruleset, observed: ObservedTable): readonly Discrepancy[] {
  return compareDigests(expectedDigests(ruleset), observed.digests);
}

export function compareDigests(
  expected: ReadonlyMap<string, string | undefined>,
  observed: TableDigests,
): readonly Discrepancy[] {
  const discrepancies: Discrepancy[] = [];
  for (const [name, digest] of expected) {
    const found = observed.get(name);
    if (found === digest) continue;
    if (found === undefined) discrepancies.push(`${name} is missing`);
    else discrepancies.push(digest === undefined ? `${name} is still there` : `${name} is another one`);
  }
  for (const name of observed.keys()) if (!expected.has(name)) discrepancies.push(`${name} is not ours`);
  return discrepancies.sort();
}

/** `after` is `before` but for these elements, of which each has what the other has not. */
export function carryDigest(
  before: Holder,
  after: Holder,
  went: readonly ElementReading[],
  came: readonly ElementReading[],
): void {
  const known = setContents.get(before);
  if (!known || setContents.has(after)) return;
  const elements = known.elements.copy();
  for (const { whole } of went) elements.less(...readLanes(whole));
  for (const { whole } of came) elements.more(...readLanes(whole));
  setContents.set(after, { head: known.head, elements });
}

/** As the kernel has them: an interval may be two, its start and its end. */
export function elementsOf(holder: Holder): readonly ElementReading[] {
  return readElements(messagesOf([], [holder]));
}

function contentOf(holder: Holder): SetContent {
  if (!setContents.has(holder)) learn([], [holder]);
  const content = setContents.get(holder);
  if (!content) throw new Error(`${holder.name} is not among the messages that make it`);
  return content;
}

function learnDigests(ruleset: Ruleset): void {
  const chains = [...ruleset.chains.values()].filter((chain) => !chainDigests.has(chain));
  const holders = [...holdersOf(ruleset)].filter((holder) => !setContents.has(holder));
  // A few at once: the messages of all would be tens of megabytes.
  for (let at = 0; at < chains.length; at += chainsAtOnce) learn(chains.slice(at, at + chainsAtOnce), []);
  for (const holder of holders) learn([], [holder]);
}

const chainsAtOnce = 500;

function learn(chains: readonly Chain[], holders: readonly Holder[]): void {
  const reading = new TableReading();
  for (const message of messagesOf(chains, holders)) reading.take(message);
  const digests = reading.digests();
  for (const chain of chains) chainDigests.set(chain, digests.get(`chain ${chain.name}`) ?? '');
  for (const holder of holders) {
    const content = reading.setContent(holder.name);
    if (content) setContents.set(holder, content);
  }
}

function* holdersOf({ sets, maps, classes }: Ruleset): Iterable<Holder> {
  yield* sets.values();
  yield* maps.values();
  yield* classes.values();
}

function messagesOf(chains: readonly Chain[], holders: readonly Holder[]): readonly Message[] {
  const writer = new AttributeWriter();
  encodeObjects(writer, chains, holders);
  return readMessages(writer.bytes()) ?? [];
}

/** A table without flags. */
const tableDigest = ((): string => {
  const writer = new AttributeWriter(64);
  const head = { subsystem: subsystems.nftables, type: newMessages.table, flags: 0, sequence: 0, family: 1 };
  writeMessage(writer, head, () => writer.text(1, tableName));
  const reading = new TableReading();
  for (const message of readMessages(writer.bytes()) ?? []) reading.take(message);
  return reading.digests().get('table') ?? '';
})();

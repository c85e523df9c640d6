/**
 * Reads our table, and once more where it is not as it should be.
 *
 *   TableReader, Ruleset ─[lookTwice]→ ObservedTable → hear-filter
 *
 * The kernel enlarges a hash set some time after elements came, and who dumps it meanwhile is told some elements twice or not at all
 * (rhashtable.h, rhashtable_walk_enter): once in some thousand reads of a busy machine. Without a second look a table that is as it
 * should be would be called foreign, and be written again.
 * Invariant: what differs twice is told as it was read last.
 */
import { verifyTable } from '../nftables/expected-table.ts';
import type { Ruleset } from '../nftables/ruleset.ts';
import type { TableReader } from '../nftables/table-reader.ts';
import type { AgentState } from './state.ts';

/** `expected` is undefined where nothing is. */
export async function lookTwice(
  table: Pick<TableReader, 'readTable'>,
  expected: Ruleset | undefined,
): ReturnType<TableReader['readTable']> {
  const read = await table.readTable();
  if (!read.ok || !read.value || !expected) return read;
  return verifyTable(expected, read.value).length === 0 ? read : table.readTable();
}

/** What the kernel should hold, as far as is known. */
export function expectedRuleset({ filter, desired }: AgentState): Ruleset | undefined {
  if (filter.kind === 'held' || filter.kind === 'unverified') return filter.goal.ruleset;
  return desired?.kind === 'router' ? desired.filter.ruleset : undefined;
}

import { expect, it } from 'vitest';
import { expectedDigests } from '../nftables/expected-table.ts';
import { guardRuleset } from '../nftables/guard.ts';
import type { ObservedTable } from '../nftables/table-reader.ts';
import { ok } from '../result.ts';
import { lookTwice } from './look-twice.ts';

const right: ObservedTable = { generation: 7, digests: expectedDigests(guardRuleset) };
const wrong: ObservedTable = { generation: 7, digests: new Map([...right.digests, ['set x', 'other']]) };

function reading(...tables: readonly (ObservedTable | undefined)[]) {
  const left = [...tables];
  return { left, table: { readTable: async () => ok(left.shift()) } };
}

it.each<[string, readonly (ObservedTable | undefined)[], ObservedTable | undefined, number]>([
  ['a table as it should be is read once', [right, wrong], right, 1],
  ['one that was read wrong is read right', [wrong, right], right, 0],
  ['one that is another is told so', [wrong, wrong, right], wrong, 1],
  ['one that is missing is missing', [undefined, right], undefined, 1],
])('%s', async (_what, tables, told, unread) => {
  const { table, left } = reading(...tables);
  expect(await lookTwice(table, guardRuleset)).toEqual(ok(told));
  expect(left).toHaveLength(unread);
});

it('where nothing is expected one look is enough', async () => {
  const { table, left } = reading(wrong, right);
  expect(await lookTwice(table, undefined)).toEqual(ok(wrong));
  expect(left).toHaveLength(1);
});

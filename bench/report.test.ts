import { describe, expect, it } from 'vitest';
import type { LaneResult, Traffic } from './forwarding/measure-forwarding.ts';
import { listVariants } from './forwarding/variants.ts';
import { reportForwarding } from './report.ts';
import { summarize } from './statistics.ts';

const variants = listVariants([10], () => 'table inet own {}');

function result(lane: string, traffic: Traffic, ns: number): LaneResult {
  return { lane, traffic, net: summarize([ns]), gross: summarize([ns + 50]), discarded: 0 };
}

describe('reportForwarding', () => {
  it('compares each router with bare forwarding and with one accept rule, of the same traffic', () => {
    const rows = reportForwarding(variants, [
      result('bare', 'first', 200),
      result('accept', 'first', 1000),
      result('causeway 10', 'first', 1500),
      result('bare', 'established', 250),
      result('accept', 'established', 400),
      result('causeway 10', 'established', 500),
    ]);
    const ours = rows.filter(({ layout }) => layout === 'causeway');
    expect(ours.map(({ traffic, ratioToBare, ratioToAccept }) => [traffic, ratioToBare, ratioToAccept])).toEqual([
      ['first', 7.5, 1.5],
      ['established', 2, 1.25],
    ]);
  });
});

/** The packet filter as the port sees it: what it takes, what it refuses and says of it, and what it hears. */
import { mkdirSync, rmSync } from 'node:fs';
import { build } from 'esbuild';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from '../../../src/edge/run-program.ts';
import { diffRulesets } from '../../../src/nftables/diff.ts';
import type { PacketFilter } from '../../../src/nftables/packet-filter.ts';
import type { NftSet, Rule, Ruleset } from '../../../src/nftables/ruleset.ts';
import type { Heard } from './monitor-probe.ts';
import { type Listing, listTable } from './nft-listing.ts';
import { openPrivateKernel, type PrivateKernel } from './private-kernel.ts';

let kernel: PrivateKernel;
let filter: PacketFilter;

beforeAll(async () => {
  kernel = await openPrivateKernel();
  filter = kernel.filter();
});

afterAll(() => {
  filter?.close();
  kernel?.close();
});

const done = { ok: true, value: undefined };
const drop = (comment: string): Rule => ({
  matches: [],
  statements: [{ kind: 'counter' }],
  outcome: { kind: 'drop' },
  comment,
});

function ruleset(rules: readonly Rule[], addresses: readonly number[] = []): Ruleset {
  const elements = new Map(
    addresses.map((number) => [`${number}`, { family: 4, bits: BigInt(number), length: 32 } as const]),
  );
  const set: NftSet = { kind: 'addresses', name: 's', family: 4, holds: 'hosts', elements };
  return {
    sets: new Map([['s', set]]),
    maps: new Map(),
    classes: new Map(),
    chains: new Map([['c', { name: 'c', rules }]]),
  };
}

describe('a change', () => {
  const before = ruleset([drop('a'), drop('b')], [1, 2]);
  let held: Listing;

  beforeEach(async () => {
    expect(await filter.apply(diffRulesets(undefined, before))).toEqual(done);
    held = await listTable(kernel);
  });

  it.each([
    [
      'a jump to a chain that is not there',
      ruleset([drop('a'), { ...drop('b'), outcome: { kind: 'jump', chain: 'x' } }]),
    ],
    [
      'a lookup in a set that is not there',
      ruleset([
        { ...drop('b'), matches: [{ kind: 'address', family: 4, side: 'source', negated: false, in: { set: 'x' } }] },
      ]),
    ],
  ])('is refused whole: %s', async (_, wanted) => {
    const refused = await filter.apply(diffRulesets(before, wanted));
    expect(refused).toMatchObject({ ok: false, error: { message: expect.stringContaining('chain c, b') } });
    expect(await listTable(kernel)).toEqual(held);
  });

  it('is refused whole where nft refuses the same text, with the object named', async () => {
    const wanted = {
      ...before,
      chains: new Map([...before.chains, ['x'.repeat(300), { name: 'x'.repeat(300), rules: [] }]]),
    };
    const refused = await filter.apply(diffRulesets(before, wanted));
    expect(refused).toMatchObject({
      ok: false,
      error: { kind: 'refused', message: expect.stringContaining('chain xxx') },
    });
    expect(await listTable(kernel)).toEqual(held);
  });

  it.each([
    ['a rule is not there any more', 'flush chain inet causeway c', ruleset([drop('a'), drop('c')], [1, 2])],
    ['a rule came', 'add rule inet causeway c accept', ruleset([drop('a'), drop('c')], [1, 2])],
    ['an element is not there any more', 'flush set inet causeway s', ruleset([drop('a'), drop('b')], [1])],
    [
      'a chain is not there any more',
      'delete chain inet causeway c',
      ruleset([drop('a'), drop('b'), drop('c')], [1, 2]),
    ],
    ['the table is not there any more', 'delete table inet causeway', ruleset([drop('a'), drop('b')], [3])],
  ])('says that it was made for another table where %s', async (_, text, wanted) => {
    await kernel.load(text);
    expect(await filter.apply(diffRulesets(before, wanted))).toMatchObject({ ok: false, error: { kind: 'stale' } });
  });

  it('comes about while others change tables of theirs', async () => {
    const others = Promise.all(Array.from({ length: 20 }, (_, i) => kernel.load(`add table inet theirs${i % 3}`)));
    let from = before;
    for (const letter of 'cdefghijklmnopqrstuvwxyz') {
      const to = ruleset([drop('a'), drop(letter)], [1, 2]);
      expect(await filter.apply(diffRulesets(from, to))).toEqual(done);
      from = to;
    }
    await others;
  });

  it('waits for its turn: many at once come about one after the other', async () => {
    const steps = Array.from({ length: 20 }, (_, i) => ruleset([drop('a'), drop(`${i}`)], [i]));
    const applied = await Promise.all(steps.map((step, i) => filter.apply(diffRulesets(steps[i - 1] ?? before, step))));
    expect(applied.every(({ ok }) => ok)).toBe(true);
  });

  it('that comes while another is under way is refused, or comes about after it', async () => {
    const other = kernel.filter();
    const [left, right] = [ruleset([drop('x'), drop('b')], [1, 2]), ruleset([drop('a'), drop('y')], [1, 2])];
    for (let round = 0; round < 30; round++) {
      expect(await filter.apply(diffRulesets(undefined, before))).toEqual(done);
      const results = await Promise.all([
        filter.apply(diffRulesets(before, left)),
        other.apply(diffRulesets(before, right)),
      ]);
      const rules = (await listTable(kernel)).get('rules of c');
      const comments = (rules as readonly { readonly comment: string }[]).map(({ comment }) => comment).join('');
      const [first, second] = results.map(({ ok }) => ok);
      // Who comes a moment later, with nobody in between, edits what he finds; the agent reads back what it did not expect.
      if (first !== second) expect(comments).toBe(first ? 'xb' : 'ay');
      else expect(comments).toBe('xy');
      expect(first || second).toBe(true);
    }
    other.close();
  });

  it('may have 300,000 elements', async () => {
    const many = ruleset(
      [drop('a')],
      Array.from({ length: 300_000 }, (_, i) => i),
    );
    expect(await filter.apply(diffRulesets(before, many))).toEqual(done);
    expect(await filter.apply(diffRulesets(many, before))).toEqual(done);
    expect(await listTable(kernel)).toEqual(held);
  });
});

it('rings for every change of our table and for no other', async () => {
  mkdirSync('.cache', { recursive: true });
  const outfile = `.cache/monitor-probe-${process.pid}.mjs`;
  try {
    await build({
      entryPoints: ['test/host/nftables/monitor-probe.ts'],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['koffi'],
      logLevel: 'silent',
    });
    const run = await runProgram('unshare', [process.getuid?.() === 0 ? '-n' : '-rn', process.execPath, outfile]);
    expect(run.ok && run.value.stderr).toBe('');
    const heard: Heard = JSON.parse(run.ok ? run.value.stdout : '[]');
    expect(heard).toEqual(['our table', 'our set', 'our element', 'our chain', 'our rule', 'our table gone']);
  } finally {
    rmSync(outfile, { force: true });
  }
});

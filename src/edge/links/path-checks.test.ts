/** What doctor says of the paths of many links, and what that costs. */
import { describe, expect, it } from 'vitest';
import type { LinkStatus } from '../../links/link-keeper.ts';
import type { EchoAnswer } from '../../links/path-mtu.ts';
import { checkPaths } from './path-checks.ts';

const links = (count: number, change: Partial<LinkStatus> = {}): readonly LinkStatus[] =>
  Array.from({ length: count }, (_, i) => ({
    ...{ attachment: `vpn${i}`, interfaceName: `vpn${i}`, kind: 'ipsec', driver: 'kernel-xfrm', state: 'up' },
    ...{ reason: null, mtu: 1438, remotes: [`10.0.${i}.1`], ...change },
  }));

/** Paths of that MTU; a request takes a second of a clock that only they move, unless it is answered. */
function world(mtu: number) {
  const run = { now: 0, requests: 0, atOnce: 0, most: 0 };
  const echo = async (bytes: number): Promise<EchoAnswer> => {
    run.requests++;
    run.most = Math.max(run.most, ++run.atOnce);
    await new Promise((resolve) => setImmediate(resolve));
    run.atOnce--;
    return bytes <= mtu ? 'answered' : 'silent';
  };
  return {
    run,
    check: (some: readonly LinkStatus[]) =>
      checkPaths(
        some,
        () => echo,
        () => run.now,
      ),
  };
}

describe('the paths of links', () => {
  it('cost one request each where nothing is wrong, some at a time', async () => {
    const { run, check } = world(1500);
    const findings = await check(links(200));
    expect(findings.map(({ check, found }) => `${check}: ${found}`)).toEqual(
      links(200).map((_, i) => `path vpn${i}: 1438 bytes reach 10.0.${i}.1`),
    );
    expect(run).toMatchObject({ requests: 200, most: 32 });
  });

  it('are searched once for what is wrong with all of them, and then only looked at', async () => {
    const { run, check } = world(1404);
    const findings = await check(links(200));
    expect(new Set(findings.map(({ result, fix }) => `${result}: ${fix}`))).toEqual(
      new Set(["error: set the Attachment's mtu to 1404, or mend the path"]),
    );
    // Of the first 32 all are searched, of others four sizes are asked for.
    expect(run.requests).toBeLessThan(32 * 20 + 168 * 4);
  });

  it.each([
    ['10.0.0.2', /set the Attachment's mtu to 1240/],
    ['fd00::2', /^mend the path: IPv6 needs 1280/],
  ])(
    'that carry less than IPv6 needs are found by asking %s, and no mtu is advised that IPv6 cannot have',
    async (remote, fix) => {
      const { check } = world(1240);
      expect(await check(links(1, { remotes: [remote] }))).toEqual([
        {
          check: 'path vpn0',
          result: 'error',
          found: `packets of more than 1240 bytes to ${remote} vanish; the device lets 1438 pass`,
          fix: expect.stringMatching(fix),
        },
      ]);
    },
  );

  it('are left out, and said to be, where the others took too long', async () => {
    const { run, check } = world(0);
    const checked = check(links(200));
    run.now = 30_000;
    const findings = await checked;
    expect(findings).toHaveLength(32 + 1);
    expect(findings.at(-1)).toMatchObject({ result: 'warning', found: expect.stringMatching(/^168 of 200 were not/) });
  });

  it.each([{ state: 'down' }, { state: 'failed' }, { mtu: null }] as const)(
    'are not looked at where the link is %j',
    async (change) => {
      const { run, check } = world(1500);
      expect(await check(links(3, change))).toEqual([]);
      expect(run.requests).toBe(0);
    },
  );
});

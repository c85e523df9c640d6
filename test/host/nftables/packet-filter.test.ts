/** nft as the port sees it: what it takes, what it refuses and says of it, and what it hears. */
import { mkdirSync, rmSync } from 'node:fs';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPacketFilter } from '../../../src/edge/nft.ts';
import { runProgram } from '../../../src/edge/run-program.ts';
import type { PacketFilter } from '../../../src/nftables/packet-filter.ts';
import type { Heard } from './monitor-probe.ts';
import { openPrivateKernel, type PrivateKernel } from './private-kernel.ts';

let kernel: PrivateKernel;
let filter: PacketFilter;

beforeAll(async () => {
  kernel = await openPrivateKernel();
  filter = openPacketFilter(kernel.command);
});

afterAll(() => kernel?.close());

describe('the packet filter', () => {
  it('says that there is no table', async () => {
    expect(await filter.list()).toEqual({ ok: true, value: undefined });
  });

  it('applies a text and lists it', async () => {
    expect(await filter.apply('add table inet causeway\nadd chain inet causeway c\n')).toEqual({
      ok: true,
      value: undefined,
    });
    const listed = await filter.list();
    expect(listed.ok && listed.value).toContain('"name": "c"');
  });

  it('names the line of a text that is refused, and applies nothing of it', async () => {
    const refused = await filter.apply('add chain inet causeway d\nadd rule inet causeway d bogus\n');
    expect(refused).toMatchObject({ ok: false, error: { kind: 'refused', line: 2 } });
    const listed = await filter.list();
    expect(listed.ok && listed.value).not.toContain('"name": "d"');
  });

  it('checks without applying', async () => {
    expect(await filter.check('add chain inet causeway e\n')).toEqual({ ok: true, value: undefined });
    expect(await filter.check('add rule inet causeway nowhere drop\n')).toMatchObject({ ok: false });
    const listed = await filter.list();
    expect(listed.ok && listed.value).not.toContain('"name": "e"');
  });

  it('says that the program is missing', async () => {
    expect(await openPacketFilter(['no-such-nft']).list()).toMatchObject({
      ok: false,
      error: { kind: 'missing-program' },
    });
  });

  it('says that it may not', async () => {
    const unprivileged = openPacketFilter(['setpriv', '--reuid=65534', '--clear-groups', '--inh-caps=-all', 'nft']);
    expect(await unprivileged.list()).toMatchObject({ ok: false, error: { kind: 'not-permitted' } });
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

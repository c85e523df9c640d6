/** Ends of tunnels that are not ours: what the lab gives our routers to talk to. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadLab, openLab, type RunningLab } from '../../lab/harness.ts';
import { packageRoot } from '../../lab/package-root.ts';
import { expectWhole } from './expect-lab.ts';

let lab: RunningLab;

beforeAll(async () => {
  lab = await openLab(loadLab(`${packageRoot()}/test/lab/fixtures/tunnel`));
});

afterAll(async () => {
  await lab?.down();
});

describe('two tunnel endpoints', () => {
  it('carry BGP, and the routes of it', async () => {
    await expectWhole(lab);
  });

  it('carry packets between the nodes where the tunnel comes out, and no other', async () => {
    const rows = await lab.packets();
    expect(rows.map(({ observed }) => observed)).toEqual(['allow']);
    const outside = await lab.exec('left', ['ip', 'route', 'get', '192.0.2.2']);
    expect(outside.code).not.toBe(0);
  });

  it('show the key in no command line and in no log', async () => {
    const { stdout: key } = await lab.exec('left', ['cat', '/run/lab/secrets/tunnel/psk']);
    expect(key).toMatch(/^[a-z0-9]{32}$/);
    const seen = await lab.exec('left', ['sh', '-c', 'cat /proc/[0-9]*/cmdline /run/lab/log/*']);
    expect(seen.stdout).toContain('charon-systemd');
    expect(seen.stdout).not.toContain(key);
  });

  it('take new keys under way, and lose nothing', async () => {
    const rekeyed = await lab.exec('left', [
      'swanctl',
      '--rekey',
      '--child',
      'tunnel',
      '--uri',
      'unix:///run/lab/left-end.vici',
    ]);
    expect(rekeyed.stdout).toContain('rekey completed successfully');
    const rows = await lab.packets();
    expect(rows.map(({ observed }) => observed)).toEqual(['allow']);
  });
});

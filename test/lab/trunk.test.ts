/** Trunks: what a lab gives our routers to be the other end of a VLAN. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadLab, openLab, type RunningLab } from '../../lab/harness.ts';
import { packageRoot } from '../../lab/package-root.ts';

let lab: RunningLab;

beforeAll(async () => {
  lab = await openLab(loadLab(`${packageRoot()}/test/lab/fixtures/trunk`));
});

afterAll(async () => {
  await lab?.down();
});

describe('a trunk', () => {
  it('carries a VLAN that both ends have, in both families', async () => {
    const rows = await lab.packets();
    expect(rows.map(({ observed }) => observed)).toEqual(['allow', 'allow', 'allow', 'allow']);
  });

  it('keeps VLANs apart whose tags differ, whatever their addresses', async () => {
    const ping = await lab.exec('left', ['ping', '-c', '1', '-W', '1', '198.51.100.2']);
    expect(ping.stdout).toContain('0 received');
  });
});

/**
 * Ways to lose a link that no carrier shows: an endpoint that Amazon replaces, both tunnels of a spoke, frames that vanish. All
 * the while the wires are watched: what belongs into a tunnel crosses none of them outside of it.
 *
 * The tests go in the order of the file, on one lab: each mends what it broke.
 */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRoutes } from '../../lab/checks/routes.ts';
import { runDisruption } from '../../lab/disruption.ts';
import { eventually } from '../../lab/eventually.ts';
import { blocked, expectAll, reach, route } from '../../lab/expectations.ts';
import { measureDeed } from '../../lab/failover.ts';
import { loadLab, openLab, type RunningLab } from '../../lab/harness.ts';
import { causewayProgram, packageRoot } from '../../lab/package-root.ts';
import { renderFailover } from '../../lab/report/report.ts';
import { createPaint } from '../../lab/report/table.ts';
import { mustRun } from '../../lab/sandbox/run.ts';
import { carryFrames, closeTunnel, loseFrames, openTunnel, replaceEndpoint, type Tunnel } from './amazon-ends.ts';
import { type Capture, capture } from './capture.ts';
import { expectWhole } from './expect-lab.ts';

const plain = createPaint(false);
const prefixes = { dc: '10.10.0.0/16', spoke: '10.1.0.0/16' } as const;
const streams = [
  { from: 'db1', to: 'app1', port: 'udp/9000' },
  { from: 'app1', to: 'db1', port: 'tcp/5432' },
];
let lab: RunningLab;

/** Where what is inside of tunnels must never be seen, tagged or not. */
const wires = [
  { node: 'internet', device: 'br0' },
  { node: 'dx', device: 'trunk0' },
  { node: 'hub1', device: 'vpc0' },
] as const;
const inside = `(net ${prefixes.dc} or net ${prefixes.spoke})`;
let watches: readonly Capture[] = [];

beforeAll(async () => {
  execFileSync(causewayProgram(), ['version']);
  lab = await openLab(loadLab(`${packageRoot()}/examples/links`));
  await expectWhole(lab);
  await expectAll(lab, [reach('db1', 'app1', 'udp/9000'), reach('app1', 'db1', 'tcp/5432')]);
  watches = await Promise.all(
    wires.map(({ node, device }) => capture(lab, node, device, `${inside} or (vlan and ${inside})`)),
  );
});

afterAll(async () => {
  await Promise.all(watches.map((watch) => watch.end()));
  await lab?.down();
});

/** Devices by which a node's kernel sends to a prefix. */
async function devicesTo(node: string, prefix: string): Promise<readonly string[]> {
  const routes = (await readRoutes(lab.sandbox, node)).filter((one) => one.prefix === prefix);
  return routes.flatMap(({ nextHops }) => nextHops.map(({ device }) => device ?? '')).sort();
}

async function expectDevices(node: string, prefix: string, devices: readonly string[]): Promise<void> {
  const found = await eventually(
    () => devicesTo(node, prefix),
    (list) => list.join() === devices.join(),
  );
  expect(found, `${prefix} on ${node}`).toEqual(devices);
}

/** Waits until a device of a router is set down, or up again. */
async function expectDevice(node: string, device: string, state: 'up' | 'down'): Promise<void> {
  const isUp = async () =>
    / (UP|UNKNOWN) /.test((await lab.exec(node, ['ip', '-brief', 'link', 'show', device])).stdout);
  expect(await eventually(isUp, (up) => up === (state === 'up')), device).toBe(state === 'up');
}

describe('Amazon replaces the endpoint of a tunnel', () => {
  it('by a lower MED on the other: traffic moves there before the tunnel goes, and back, and nothing is lost', async () => {
    const [used] = await devicesTo('vgw', prefixes.dc);
    const replaced: Tunnel = used === 'tun1' ? 1 : 2;
    const other = 3 - replaced;
    const outcome = await runDisruption(lab, {
      streams: [{ from: 'db1', to: 'app1', port: 'udp/9000' }],
      transfers: [{ from: 'app1', to: 'db1', port: 'tcp/5432' }],
      disturb: async () => {
        await replaceEndpoint(lab, replaced);
        await expectDevices('hub1', prefixes.spoke, [`hub-spoke-${other}`]);
        await expectDevices('vgw', prefixes.dc, [`tun${other}`]);
        await closeTunnel(lab, replaced);
        await expectDevice('hub1', `hub-spoke-${replaced}`, 'down');
        await openTunnel(lab, replaced);
        await expectDevice('hub1', `hub-spoke-${replaced}`, 'up');
        await replaceEndpoint(lab, 0);
        await expectWhole(lab);
      },
    });
    expect(outcome.streams.map(({ lost, recovered }) => ({ lost, recovered }))).toEqual([{ lost: 0, recovered: true }]);
    expect(outcome.transfers.map(({ fault }) => fault)).toEqual([undefined]);
  });
});

describe('a spoke loses both of its tunnels', () => {
  /** As a router has it that has heard nothing yet. */
  const stale = [
    ['dc', 'via 10.10.0.2'],
    ['dc-edge', 'via 169.254.11.2'],
  ] as const;

  it('at once: no session, no route, and none further on', async () => {
    for (const tunnel of [1, 2] as const) await closeTunnel(lab, tunnel);
    for (const tunnel of [1, 2] as const) await expectDevice('hub1', `hub-spoke-${tunnel}`, 'down');
    await expectAll(lab, [
      route('hub1', prefixes.spoke),
      route('dc-edge', prefixes.spoke),
      route('dc', prefixes.spoke),
    ]);
  });

  it('what comes for it nevertheless is refused, and does not leave by the default route', async () => {
    const change = (verb: 'add' | 'delete') =>
      Promise.all(
        stale.map(([node, via]) =>
          mustRun(lab.sandbox, ['ip', 'route', verb, '10.1.0.10/32', ...via.split(' ')], { node }),
        ),
      );
    await change('add');
    const arrivals = await capture(lab, 'hub1', 'hub-edge-dx-1', 'dst host 10.1.0.10 and udp port 9000');
    await expectAll(lab, [blocked('db1', 'app1', 'udp/9000')]);
    await eventually(
      () => arrivals.frames.length,
      (count) => count > 0,
    );
    await arrivals.end();
    await change('delete');
    expect(arrivals.frames).not.toEqual([]);
    expect(watches.map(({ frames }) => frames)).toEqual([[], [], []]);
  });

  it('has all of it back when they return', async () => {
    for (const tunnel of [1, 2] as const) await openTunnel(lab, tunnel);
    await expectWhole(lab);
    await expectAll(lab, [reach('db1', 'app1', 'udp/9000'), reach('app1', 'db1', 'tcp/5432')]);
  });
});

describe('frames vanish on Direct Connect, whose carrier stays', () => {
  it('traffic goes on by the VPN, and back when they pass again', async () => {
    const cut = await measureDeed(lab, {
      what: 'no frame passes Direct Connect',
      streams,
      routes: [
        { on: 'dc-edge', prefix: '10.20.0.0/16', via: [], why: 'no session on the virtual interface' },
        { on: 'dc-edge', prefix: prefixes.spoke, via: ['hub1'], why: 'over the VPN' },
        { on: 'hub1', prefix: prefixes.dc, via: ['dc-edge'], why: 'over the VPN' },
      ],
      happen: () => loseFrames(lab),
    });
    expect(cut.passed, renderFailover(cut, plain)).toBe(true);
    for (const node of ['dc-edge', 'dx']) await expectDevice(node, 'trunk0', 'up');
    await expectDevice('dc-edge', 'edge-hub-dx-1', 'down');

    const mended = await measureDeed(lab, {
      what: 'frames pass again',
      streams,
      routes: lab.lab.spec.checks.routes,
      happen: () => carryFrames(lab),
    });
    expect(mended.passed, renderFailover(mended, plain)).toBe(true);
    await expectWhole(lab);
  });
});

describe('what belongs into a tunnel', () => {
  /** RFC 3948: what begins with a security parameter index is ESP, and with four zeros IKE. */
  const esp = 'udp[8:4] != 0';

  it.each<[string, string, string]>([
    ['internet', 'br0', `udp port 4500 and ${esp}`],
    ['dx', 'trunk0', `vlan 101 and udp port 4501 and ${esp}`],
  ])('crosses %s as ESP', async (node, device, filter) => {
    const seen = await capture(lab, node, device, filter);
    await expectAll(lab, [reach('db1', 'app1', 'udp/9000'), reach('app1', 'db1', 'tcp/5432')]);
    await eventually(
      () => seen.frames.length,
      (count) => count > 0,
    );
    await seen.end();
    expect(seen.frames).not.toEqual([]);
  });

  it('crossed no wire in clear text, whatever was lost', () => {
    expect(watches.map(({ frames }) => frames)).toEqual([[], [], []]);
  });

  it('would have been seen', async () => {
    const stray = '10.1.9.9';
    // What an endpoint's charon sends itself, and not into its tunnel.
    const mark = `${0x42}`;
    const sent = [
      ['vgw-end-1', '198.51.100.5'],
      ['dx', '10.30.101.1'],
      ['dx', '10.20.0.10'],
    ] as const;
    for (const node of ['vgw-end-1', 'dx'])
      await mustRun(lab.sandbox, ['ip', 'address', 'add', stray, 'dev', 'lo'], { node });
    for (const [node, to] of sent) await lab.exec(node, ['ping', '-m', mark, '-c', '1', '-W', '1', '-I', stray, to]);
    const count = () => watches.map(({ frames }) => frames.some((frame) => frame.includes(`${stray} >`)));
    expect(await eventually(count, (seen) => seen.every(Boolean))).toEqual([true, true, true]);
  });
});

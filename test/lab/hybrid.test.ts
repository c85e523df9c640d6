/**
 * The hybrid example with everything real: agents, BIRD, FRR, nftables, TCP and UDP.
 *
 * The tests go in the order of the file, on one lab: what is broken by one stays broken for the next.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { explainRows } from '../../lab/checks/explain.ts';
import { eventually } from '../../lab/eventually.ts';
import { blocked, expectAll, reach } from '../../lab/expectations.ts';
import { listDeeds, measureDeed } from '../../lab/failover.ts';
import { loadLab, openLab, type RunningLab } from '../../lab/harness.ts';
import { leakedMounts, processesOf, readHostState } from '../../lab/host-state.ts';
import { causewayProgram, packageRoot } from '../../lab/package-root.ts';
import { renderFailover } from '../../lab/report/report.ts';
import { createPaint } from '../../lab/report/table.ts';
import { isRunning, pathInside, type Sandbox } from '../../lab/sandbox/sandbox.ts';
import { secretsFolder } from '../../lab/sandbox/secrets.ts';
import { capture } from './capture.ts';
import { expectLinks, expectPackets, expectPaths, expectRoutes, expectSessions } from './expect-lab.ts';

const plain = createPaint(false);
let before: Readonly<Record<string, string>>;
let lab: RunningLab;

beforeAll(async () => {
  execFileSync(causewayProgram(), ['version']);
  before = readHostState();
  lab = await openLab(loadLab(`${packageRoot()}/examples/hybrid`));
});

afterAll(async () => {
  await lab?.down();
});

describe('the hybrid example', () => {
  it('has every BGP session established, with FRR, with Amazon and with the clusters', async () => {
    await expectSessions(lab);
  });

  it('has every link up, of all kinds: a device, a VLAN, IPsec and WireGuard', async () => {
    await expectLinks(lab);
    const rows = await lab.links();
    const kinds = (router: string) => rows.filter((row) => row.router === router).map(({ kind }) => kind);
    expect(kinds('dc-edge').sort()).toEqual(['interface', 'ipsec', 'ipsec', 'vlan', 'wireguard', 'wireguard']);
    expect(kinds('tr1').sort()).toEqual(['interface', 'interface', 'ipsec', 'ipsec', 'ipsec', 'wireguard']);
  });

  it('has tunnels that carry what their devices promise, as `doctor` measures', async () => {
    const tunnels = (await lab.links()).filter(
      ({ router, kind }) => router === 'dc-edge' && /ipsec|wireguard/.test(kind),
    );
    const { stdout } = await lab.exec('dc-edge', [causewayProgram(), 'doctor'], { within: 60_000 });
    const measured = [...stdout.matchAll(/^path (edge-tr\S+) +fine +([0-9]+) bytes reach /gm)];
    // One line for each family.
    expect(measured.map(([, device, bytes]) => `${device} ${bytes}`)).toEqual(
      tunnels.flatMap(({ interfaceName, mtu }) => [`${interfaceName} ${mtu}`, `${interfaceName} ${mtu}`]),
    );
    expect(tunnels).toHaveLength(4);
  });

  it('has the routes in the kernels, and none where a filter, a Site or a Segment says so', async () => {
    await expectRoutes(lab);
  });

  it('lets through what policy allows and nothing else, as `explain packet` foretells', async () => {
    await expectPackets(lab);
  });

  it('names a rule or a default for every packet that meets a router', async () => {
    const rows = (await lab.packets()).filter(({ check }) => check.from !== 'web-b' || check.to !== 'catalog-b');
    const { decisions } = await explainRows(lab.lab, lab.sandbox, rows);
    expect(decisions.map((decision) => decision?.decidedBy ?? '').filter((text) => text === '')).toEqual([]);
  });

  it('follows a label at once, for new connections', async () => {
    const relabel = (app: string) =>
      lab.causeway(['label', 'wep', 'a--node2-k8s-batch--a-eth0', '-n', 'shop', `app=${app}`, '--overwrite']);
    await expectAll(lab, [blocked('batch-a', 'db1', 'tcp/5432')]);
    expect(await relabel('web')).toMatchObject({ code: 0 });
    await expectAll(lab, [reach('batch-a', 'db1', 'tcp/5432')], 10_000);
    expect(await relabel('batch')).toMatchObject({ code: 0 });
    await expectAll(lab, [blocked('batch-a', 'db1', 'tcp/5432'), reach('web-a', 'db1', 'tcp/5432')], 10_000);
  });

  it('keeps to one router in both directions', async () => {
    await expectPaths(lab);
  });

  it('goes on by the VPN when Direct Connect is cut, and back; then over tr2 when tr1 dies', async () => {
    const clear = await capture(
      lab,
      'internet',
      'dc-edge',
      'not (udp port 500 or udp port 4500 or esp or arp or icmp6)',
    );
    const sealed = await capture(lab, 'internet', 'dc-edge', 'udp port 4500 or esp');
    const losses: Record<string, number> = {};
    for (const deed of listDeeds(lab)) {
      const outcome = await measureDeed(lab, deed);
      expect(outcome.passed, `${deed.what}\n${renderFailover(outcome, plain)}`).toBe(true);
      losses[deed.what] = Math.max(...outcome.streams.map(({ seconds }) => seconds));
    }
    await Promise.all([clear.end(), sealed.end()]);
    // BFD takes one second and a hold time three; the rest is for a busy machine.
    expect(Object.keys(losses)).toHaveLength(3);
    for (const [what, seconds] of Object.entries(losses)) expect(seconds, what).toBeLessThan(10);
    // All that the streams sent while Direct Connect was cut, and not one packet of them in clear text.
    expect(sealed.frames.length).toBeGreaterThan(100);
    expect(clear.frames).toEqual([]);
  });

  it('is as tight as before with tr2 alone, and finds spoke-c again once Amazon has missed tr1', async () => {
    await expectAll(lab, [
      { kind: 'route', check: { on: 'tr2', prefix: '10.10.0.0/16', via: ['dc-edge'], by: ['tr2-dc-dx'], why: '' } },
      reach('web-a', 'db1', 'tcp/5432'),
      blocked('batch-a', 'db1', 'tcp/5432'),
      blocked('web-a', 'web-b', 'tcp/8080'),
    ]);
    // Its hold time is 30 s.
    await expectAll(lab, [reach('app-c', 'db1', 'tcp/5432'), blocked('app-c', 'db1', 'tcp/9187')], 90_000);
  });

  it('is whole again once tr1 has booted, with all its tunnels', async () => {
    await lab.restorePower('tr1');
    await expectSessions(lab, 90_000);
    await expectLinks(lab);
    await expectRoutes(lab);
    await expectAll(lab, [reach('app-c', 'db1', 'tcp/5432'), reach('web-a', 'db1', 'tcp/5432')]);
  });

  it('has told no secret: not in a log, a status, a file of its own, an argument or an environment', async () => {
    const secrets = readSecrets(lab.sandbox);
    // Six keys of tunnels that share one, and a private key for each end of WireGuard in two spellings.
    expect(secrets).toHaveLength(6 + 2 * 4);
    const folder = await lab.evidence();
    try {
      const texts = [
        ...filesBelow(folder),
        ...filesBelow(pathInside(lab.sandbox, '/run/causeway')),
        ...filesBelow(pathInside(lab.sandbox, '/var/lib/causeway')).filter(({ where }) => !where.endsWith('.key')),
        ...processesOf(lab.sandbox).flatMap(describeProcess),
      ];
      // Each end of a tunnel has written a log, and each process has arguments.
      expect(texts.length).toBeGreaterThan(200);
      const told = texts.filter(({ text }) => secrets.some((secret) => text.includes(secret)));
      expect(told.map(({ where }) => where)).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('leaves nothing behind, and has not touched the host', async () => {
    const pids = processesOf(lab.sandbox);
    expect(pids.length).toBeGreaterThan(20);
    await lab.down();
    expect(pids.filter(isRunning)).toEqual([]);
    expect(leakedMounts()).toEqual([]);
    const after = await eventually(readHostState, (state) => JSON.stringify(state) === JSON.stringify(before));
    expect(after).toEqual(before);
  });
});

/** The values of all pre-shared keys, and all private keys in base64 and in hexadecimal. */
function readSecrets(sandbox: Sandbox): string[] {
  const shared = filesBelow(pathInside(sandbox, secretsFolder)).map(({ text }) => text);
  const keys = filesBelow(pathInside(sandbox, '/var/lib/causeway')).filter(({ where }) => where.endsWith('.key'));
  return [...shared, ...keys.flatMap(({ text }) => [text.trim(), Buffer.from(text, 'base64').toString('hex')])];
}

interface Text {
  readonly where: string;
  readonly text: string;
}

function filesBelow(folder: string): Text[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((where) => ({ where, text: readFileSync(where, 'latin1') }));
}

function describeProcess(pid: number): Text[] {
  return ['cmdline', 'environ'].flatMap((file) => {
    const where = `/proc/${pid}/${file}`;
    try {
      return [{ where, text: readFileSync(where, 'latin1') }];
    } catch {
      // It has ended since.
      return [];
    }
  });
}

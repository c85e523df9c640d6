/** Tunnels that run over a VLAN, between two agents: what carries them, how large packets fare, and a VLAN that goes and comes. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../lab/eventually.ts';
import type { RouterStatus } from '../../../src/agent/status.ts';
import { type Family, families } from '../../../src/net/address.ts';
import { joinMachines, type Machine, openMachine } from '../agent/agent-machine.ts';
import { strangersKey } from './wireguard-pair.ts';

/** One end: the last byte of its addresses on the links, and the net of the host behind it. */
const ends = [
  { router: 'gw', as: 64_520, last: 1, net: 50, farNet: 60 },
  { router: 'dc', as: 64_521, last: 2, net: 60, farNet: 50 },
] as const;
type End = (typeof ends)[number];

/** A tunnel inside the tunnel, to the inside address of its other end. */
const inner = ({ router, last }: End, key: string): string => `
apiVersion: causeway.dev/v1
kind: Attachment
metadata: { name: inner }
spec:
  router: ${router}
  site: inner
  over: tunnel
  link: { wireguard: { interface: tun1, peerPublicKey: ${key}, endpoint: "10.77.0.${3 - last}:51820" } }
  addresses: { local: [10.78.0.${last}/30], remote: [10.78.0.${3 - last}] }
  static: { prefixes: [172.30.0.0/24] }
`;

const none = (): string => '';

/** Outside is the VLAN, by a family each. */
const kinds = [
  {
    kind: 'wireguard',
    keysOf: 'tunnel',
    links: 2,
    more: none,
    link: ({ last }: End, key: string) =>
      `{ wireguard: { interface: tun0, peerPublicKey: ${key}, endpoint: "[fd00:10::${3 - last}]:51820" } }`,
  },
  {
    kind: 'ipsec',
    keysOf: 'inner',
    links: 3,
    more: inner,
    link: ({ last }: End) => `
    ipsec:
      psk: { secretRef: { name: vpn, key: psk } }
      dpd: { delay: 2s, timeout: 6s }
      initiate: ${last === 1}
      tunnels: [{ interface: tun0, localAddress: 169.254.10.${last}, remoteAddress: 169.254.10.${3 - last} }]`,
  },
] as const;

const dx = ({ router, last }: End): string => `
apiVersion: causeway.dev/v1
kind: Attachment
metadata: { name: dx }
spec:
  router: ${router}
  site: carrier
  link: { vlan: { parent: eth0, id: 101 } }
  addresses:
    local: [169.254.10.${last}/30, "fd00:10::${last}/126"]
    remote: [169.254.10.${3 - last}, "fd00:10::${3 - last}"]
  static: { prefixes: [172.31.0.0/24] }
`;

const resources = (end: End, link: string, more: string): string => `
apiVersion: causeway.dev/v1
kind: Router
metadata: { name: ${end.router} }
spec: { asNumber: ${end.as}, routerID: 192.0.2.${end.last} }
---
apiVersion: causeway.dev/v1
kind: Site
metadata: { name: carrier }
spec: { type: datacenter, prefixes: [172.31.0.0/24] }
---
apiVersion: causeway.dev/v1
kind: Site
metadata: { name: far }
spec: { type: datacenter, prefixes: [10.${end.farNet}.0.0/16, "fd00:${end.farNet}::/32"] }
---
apiVersion: causeway.dev/v1
kind: Site
metadata: { name: inner }
spec: { type: datacenter, prefixes: [172.30.0.0/24] }
---
${dx(end)}
---
${more}
---
apiVersion: causeway.dev/v1
kind: Attachment
metadata: { name: tunnel }
spec:
  router: ${end.router}
  site: far
  over: dx
  link: ${link}
  addresses:
    local: [10.77.0.${end.last}/30, "fd00:77::${end.last}/126"]
    remote: [10.77.0.${3 - end.last}, "fd00:77::${3 - end.last}"]
  static: { prefixes: [10.${end.farNet}.0.0/16, "fd00:${end.farNet}::/32"] }
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: { name: pass }
spec:
  selector: causeway.dev/attachment in { 'tunnel', 'inner' }
  applyOnForward: true
  types: [Ingress, Egress]
  ingress: [{ action: Allow }]
  egress: [{ action: Allow }]
`;

describe.each(kinds)('a tunnel of kind $kind over a VLAN', ({ kind, keysOf, links: count, more, link }) => {
  const machines: Machine[] = [];
  const hosts = ends.map(({ router }) => `cw-host-${router}-${process.pid}`);
  const machineOf = (i: number): Machine => machines[i] as Machine;
  const linkOf = (status: RouterStatus | undefined, name: string) =>
    status?.links.find(({ attachment }) => attachment === name);
  const sees = async (i: number, match: (status: RouterStatus) => boolean, within = 60_000) => {
    const read = () => machineOf(i).status((ends[i] as End).router);
    const status = await eventually(read, (seen) => seen !== undefined && match(seen), { within });
    expect(status).toSatisfy(match);
    return status as RouterStatus;
  };
  const untilUp = async (): Promise<void> => {
    for (const i of [0, 1])
      await sees(i, ({ links }) => links.length === count && links.every(({ state }) => state === 'up'));
  };
  const inHost = (i: number, ...command: readonly string[]): string =>
    spawnSync('ip', ['netns', 'exec', hosts[i] as string, ...command], { encoding: 'utf8', timeout: 20_000 }).stdout;
  const far = (family: Family): string => (family === 4 ? '10.60.0.2' : 'fd00:60::2');
  /** From the host behind gw to the one behind dc, by packets of so many bytes. */
  const ping = (family: Family, bytes: number, fragments: 'do' | 'dont' = 'do'): string => {
    const payload = `${bytes - (family === 4 ? 28 : 48)}`;
    return inHost(0, 'ping', '-c', '1', '-W', '5', '-M', fragments, '-s', payload, far(family));
  };
  const answered = (text: string): boolean => text.includes(' 0% packet loss');
  const untilAnswered = async (
    bytes: number,
    fragments: 'do' | 'dont' = 'do',
    inFamilies = families,
  ): Promise<void> => {
    for (const family of inFamilies) {
      const answer = await eventually(() => ping(family, bytes, fragments), answered);
      expect(answer).toSatisfy(answered);
    }
  };

  const applyAll = (keys: readonly string[]): void => {
    for (const [i, end] of ends.entries()) {
      const key = keys[1 - i] ?? strangersKey;
      machineOf(i).apply(resources(end, link(end, key), more(end, key)));
    }
  };

  beforeAll(async () => {
    for (const [i, end] of ends.entries()) {
      const machine = openMachine(end.router);
      machines.push(machine);
      mkdirSync(join(machine.folder, 'secrets', 'vpn'), { recursive: true });
      writeFileSync(join(machine.folder, 'secrets', 'vpn', 'psk'), 'a-key-of-both-ends', { mode: 0o600 });
      joinHost(machine, end, hosts[i] as string);
    }
    const [gw, dc] = machines as [Machine, Machine];
    gw.must('ip', 'addr', 'flush', 'dev', 'eth0');
    joinMachines(gw, dc);
    applyAll([]);
    for (const [i, end] of ends.entries()) machineOf(i).startAgent(end.router);
    const keys: string[] = [];
    for (const i of [0, 1]) {
      const status = await sees(i, (seen) => !!linkOf(seen, keysOf)?.wireguard?.publicKey);
      keys.push(linkOf(status, keysOf)?.wireguard?.publicKey ?? '');
    }
    applyAll(keys);
    await untilUp();
  });
  afterAll(() => {
    for (const machine of machines) machine.close();
    for (const host of hosts) spawnSync('ip', ['netns', 'del', host]);
  });

  it('carries both families in tagged frames alone, none of them a fragment', async () => {
    const capture = await captureFrames(machineOf(1).netns, 'eth0');
    for (const family of families) expect(answered(ping(family, 100))).toBe(true);
    const mtu = linkOf(await machineOf(0).status('gw'), 'tunnel')?.mtu ?? 0;
    for (const family of families) expect(answered(ping(family, mtu))).toBe(true);
    // Each of the four is a request and a reply, whole: of the largest, two frames of each family.
    const isLarge = (line: string): boolean => Number(/length (\d+):/.exec(line)?.[1]) > mtu;
    const frames = await eventually(
      () => capture.frames,
      (lines) => lines.filter(isLarge).length >= 4,
    );
    capture.close();
    expect(frames.filter(isLarge).length).toBeGreaterThanOrEqual(4);
    const ofTunnel = frames.filter((line) => /UDP|ESP|\.51820/.test(line));
    expect(ofTunnel.filter((line) => !line.includes(' vlan 101,'))).toEqual([]);
    expect(frames.filter((line) => /frag|offset [1-9]|flags \[\+/.test(line))).toEqual([]);
  });

  it.each(families)('a sender of IPv%i is told what fits, and fragments pass', async (family) => {
    const mtu = linkOf(await machineOf(0).status('gw'), 'tunnel')?.mtu ?? 0;
    expect(mtu).toBeGreaterThan(1279);
    expect(ping(family, mtu + 1)).toMatch(family === 4 ? `mtu = ${mtu}` : `mtu=${mtu}`);
    expect(answered(ping(family, mtu))).toBe(true);
    // Who answers learns what fits by an answer that is lost.
    await untilAnswered(4000, 'dont', [family]);
  });

  it.each(families)('a sender of IPv%i is told through the tunnel of what is narrower behind it', (family) => {
    machineOf(1).must('ip', 'link', 'set', 'eth1', 'mtu', '1290');
    expect(ping(family, 1291)).toMatch(family === 4 ? 'mtu = 1290' : 'mtu=1290');
    expect(answered(ping(family, 1290))).toBe(true);
    machineOf(1).must('ip', 'link', 'set', 'eth1', 'mtu', '1500');
  });

  it.runIf(more !== none)('carries another tunnel, each level smaller than the one that carries it', async () => {
    const [gw] = machines as [Machine];
    const status = await gw.status('gw');
    const [outer = 0, within = 0] = ['tunnel', 'inner'].map((name) => linkOf(status, name)?.mtu ?? 0);
    // An IPv4 header, UDP's, and WireGuard's with its tag.
    expect(outer - within).toBe(20 + 8 + 32);
    expect(gw.run('ip', 'route', 'get', '10.77.0.2', 'mark', '0x10000000').stdout).toContain(' dev tun0 ');
    const whole = (bytes: number) =>
      gw.run('ping', '-c', '1', '-W', '5', '-M', 'do', '-s', `${bytes - 28}`, '10.78.0.2');
    expect(whole(within).stdout).toSatisfy(answered);
    expect(whole(within + 1)).toMatchObject({ code: 1, stderr: expect.stringContaining('message too long') });
  });

  it('is back when somebody deletes the devices of its VLAN', async () => {
    for (const machine of machines) machine.must('ip', 'link', 'del', 'eth0.101');
    await untilAnswered(100);
    await untilUp();
  });

  it('goes nowhere else while the parent of its VLAN is away', async () => {
    const gw = machineOf(0);
    const peer = kind === 'wireguard' ? 'fd00:10::2' : '169.254.10.2';
    const wayOut = (): string => gw.run('ip', 'route', 'get', peer, 'mark', '0x10000000').stdout;
    expect(wayOut()).toContain(' dev eth0.101 ');
    gw.must('ip', 'link', 'set', 'eth0', 'name', 'eth9');
    // A way that packets without our mark take.
    gw.must('ip', 'route', 'add', peer, 'dev', 'eth9', 'metric', '10');
    expect(gw.must('ip', 'route', 'get', peer)).toContain(' dev eth9 ');
    // Not that the peer is silent: that would take longer to find out.
    const reasons = { dx: 'its parent eth0 is not there', tunnel: 'eth0.101, which carries it, is down' };
    await sees(
      0,
      (status) =>
        status.links.every(({ state }) => state === 'down') &&
        Object.entries(reasons).every(([name, reason]) => linkOf(status, name)?.reason === reason),
    );
    expect(wayOut()).not.toContain('eth9');
    gw.must('ip', 'route', 'del', peer, 'dev', 'eth9');
    gw.must('ip', 'link', 'set', 'eth9', 'name', 'eth0');
    await untilUp();
    await untilAnswered(100);
  });

  it('goes with the Attachment of its VLAN, which is said, and comes back with it', async () => {
    const gw = machineOf(0);
    const deleted = gw.causeway('delete', 'attachment', 'dx');
    expect(deleted).toMatchObject({ code: 0 });
    const without = await sees(0, ({ links }) => links.length === 0);
    expect(JSON.stringify(without)).toContain('spec.over: no Attachment dx');
    writeFileSync(join(gw.folder, 'dx.yaml'), dx(ends[0]));
    expect(gw.causeway('apply', '-f', join(gw.folder, 'dx.yaml'))).toMatchObject({ code: 0 });
    await untilUp();
    await untilAnswered(100);
  });
});

/** A host behind the machine, in a network namespace of that name. */
function joinHost(machine: Machine, { net }: End, host: string): void {
  execFileSync('ip', ['netns', 'add', host]);
  machine.must('ip', 'link', 'set', 'far1', 'netns', host, 'name', 'eth0');
  execFileSync('ip', ['-n', host, 'link', 'set', 'eth0', 'up']);
  for (const [prefix, length] of [
    [`10.${net}.0.`, 16],
    [`fd00:${net}::`, 32],
  ] as const) {
    const words = (last: 1 | 2) => [`${prefix}${last}/${length}`, ...(length === 32 ? ['nodad'] : [])];
    machine.must('ip', 'addr', 'add', ...words(1), 'dev', 'eth1');
    execFileSync('ip', ['-n', host, 'addr', 'add', ...words(2), 'dev', 'eth0']);
    execFileSync('ip', ['-n', host, 'route', 'add', 'default', 'via', `${prefix}1`]);
  }
}

/** Lines of tcpdump, one a frame, from now on. */
async function captureFrames(netns: string, device: string) {
  const child = spawn(
    'ip',
    ['netns', 'exec', netns, 'tcpdump', '-l', '-n', '-e', '-v', '--immediate-mode', '-i', device],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const frames: string[] = [];
  let said = '';
  createInterface({ input: child.stdout }).on('line', (line) => {
    // A second line of the same frame is indented.
    if (/^\s/.test(line)) frames.push(`${frames.pop() ?? ''}${line}`);
    else frames.push(line);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await eventually(
    () => said,
    (text) => text.includes('listening on'),
  );
  return { frames, close: () => void child.kill('SIGTERM') };
}

/**
 * Two routers that share connection state, under our own policy, which is closed by default: what goes out over the one comes
 * back over the other. A client and a server stand beside them, joined to both.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually as lastRead } from '../../../lab/eventually.ts';
import { compileConntrackd, printConntrackd } from '../../../src/conntrackd/config.ts';
import type { ConntrackdDaemon } from '../../../src/conntrackd/daemon.ts';
import { conntrackdFiles, createConntrackd } from '../../../src/edge/conntrackd-process.ts';
import { resolveIntent } from '../../../src/intent/resolve-intent.ts';
import { parseAddress } from '../../../src/net/address.ts';
import { compileRuleset } from '../../../src/nftables/compile.ts';
import { printRuleset } from '../../../src/nftables/print.ts';
import { resource } from '../../../src/resources/resource.fixture.ts';
import { makeSnapshot } from '../../../src/resources/snapshot.ts';

const routers = [1, 2] as const;
type Router = (typeof routers)[number];
const hosts = { c: ['10.9.1.1', 'fd09:1::1'], s: ['10.9.2.1', 'fd09:2::1'] } as const;
type Host = keyof typeof hosts;
/** The client may open connections to the server's port, and nobody anything else. */
const openPort = 5201;

const dir = mkdtempSync(join(tmpdir(), 'cw-ct-'));
const netns = (name: string): string => `cw-ct-${name}-${process.pid}`;
const at = (name: string): string[] => ['ip', 'netns', 'exec', netns(name)];

function run(name: string, ...command: readonly string[]): string {
  const [program = '', ...args] = [...at(name), ...command];
  return execFileSync(program, args, { encoding: 'utf8' });
}

function policyOf(router: Router): string {
  const link = (name: string) =>
    resource('HostEndpoint', name, { node: `r${router}`, interfaceName: name }, { side: name });
  const snapshot = makeSnapshot([
    resource('Router', `r${router}`, { asNumber: 64520 }),
    link('c'),
    link('s'),
    resource('GlobalNetworkPolicy', 'allow', {
      applyOnForward: true,
      selector: 'has(side)',
      types: ['Ingress', 'Egress'],
      ingress: [
        {
          action: 'Allow',
          protocol: 'TCP',
          source: { nets: [...hosts.c.map(net)] },
          destination: { ports: [openPort] },
        },
      ],
      egress: [
        {
          action: 'Allow',
          protocol: 'TCP',
          source: { nets: [...hosts.c.map(net)] },
          destination: { ports: [openPort] },
        },
      ],
    } as never),
  ]);
  const intent = resolveIntent(snapshot, `r${router}`);
  if (!intent.ok) throw new Error('no intent');
  return printRuleset(compileRuleset(intent.value.policy));
}

function net(address: string): string {
  return `${address}/${address.includes(':') ? 128 : 32}`;
}

function layOut(): void {
  for (const name of ['c', 's', 'r1', 'r2']) {
    execFileSync('ip', ['netns', 'add', netns(name)]);
    run(name, 'ip', 'link', 'set', 'lo', 'up');
  }
  const join2 = (a: string, ifa: string, b: string, ifb: string): void => {
    run(a, 'ip', 'link', 'add', ifa, 'type', 'veth', 'peer', 'name', ifb, 'netns', netns(b));
    run(a, 'ip', 'link', 'set', ifa, 'up');
    run(b, 'ip', 'link', 'set', ifb, 'up');
  };
  const address = (name: string, text: string, link: string): void => {
    run(name, 'ip', 'addr', 'add', text, 'dev', link, ...(text.includes(':') ? ['nodad'] : []));
  };
  join2('r1', 'sync', 'r2', 'sync');
  for (const router of routers) {
    const r = `r${router}`;
    for (const key of ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1', 'net.ipv4.conf.all.rp_filter=0'])
      run(r, 'sysctl', '-qw', key);
    address(r, `192.168.255.${router}/30`, 'sync');
    for (const [i, host] of (['c', 's'] as const).entries()) {
      join2(r, host, host, r);
      run(r, 'sysctl', '-qw', `net.ipv4.conf.${host}.rp_filter=0`);
      address(r, `10.${i + 1}.${router}.1/24`, host);
      address(r, `fd0${i + 1}:${router}::1/64`, host);
      address(host, `10.${i + 1}.${router}.2/24`, r);
      address(host, `fd0${i + 1}:${router}::2/64`, r);
      run(r, 'ip', 'route', 'add', hosts[host][0], 'via', `10.${i + 1}.${router}.2`);
      run(r, 'ip', '-6', 'route', 'add', hosts[host][1], 'via', `fd0${i + 1}:${router}::2`);
    }
    const loaded = spawnSync(at(r)[0] ?? '', [...at(r).slice(1), 'nft', '-f', '-'], { input: policyOf(router) });
    if (loaded.status !== 0) throw new Error(loaded.stderr.toString());
  }
  for (const host of ['c', 's'] as const) {
    run(host, 'sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0');
    for (const text of hosts[host]) address(host, net(text), 'lo');
  }
}

/** Sends what goes from the client over the one router, and what comes back over the other. */
function steer(out: Router, back: Router): void {
  const turn = (host: Host, other: Host, i: number, router: Router): void => {
    run(host, 'ip', 'route', 'replace', hosts[other][0], 'via', `10.${i}.${router}.1`, 'src', hosts[host][0]);
    run(host, 'ip', '-6', 'route', 'replace', hosts[other][1], 'via', `fd0${i}:${router}::1`, 'src', hosts[host][1]);
  };
  turn('c', 's', 1, out);
  turn('s', 'c', 2, back);
}

const daemons = new Map<Router, ConntrackdDaemon>();
const filesOf = (router: Router) => conntrackdFiles(join(dir, `r${router}`));

function textOf(router: Router): string {
  const [local, remote] = [`192.168.255.${router}`, `192.168.255.${3 - router}`].map(parseAddress);
  if (!local || !remote) throw new Error('bad address');
  const peers = [{ router: `r${3 - router}`, address: remote }];
  const config = compileConntrackd({ interfaceName: 'sync', local, peers, port: 3780 }, filesOf(router));
  if (!config) throw new Error('no configuration');
  return printConntrackd(config);
}

function setLoose(on: '0' | '1'): void {
  for (const router of routers) run(`r${router}`, 'sysctl', '-qw', `net.netfilter.nf_conntrack_tcp_loose=${on}`);
}

beforeAll(async () => {
  layOut();
  for (const router of routers) {
    const daemon = createConntrackd({ dir: join(dir, `r${router}`), launcher: at(`r${router}`) });
    daemons.set(router, daemon);
    expect(await daemon.ensure(textOf(router))).toEqual({ ok: true, value: 'started' });
  }
  setLoose('0');
});

afterAll(async () => {
  for (const daemon of daemons.values()) await daemon.stop();
  for (const name of ['c', 's', 'r1', 'r2']) spawnSync('ip', ['netns', 'del', netns(name)]);
  rmSync(dir, { recursive: true, force: true });
});

/** Asks the server for so many bytes, and says how many came. */
async function transfer(family: 4 | 6, bytes: number): Promise<number> {
  const address = hosts.s[family === 4 ? 0 : 1];
  const serve = `require('net').createServer((s) => { s.on('error', () => 0); s.end(Buffer.alloc(${bytes})); }).listen(${openPort}, '${address}', () => console.log('ready'))`;
  const server = spawn(at('s')[0] ?? '', [...at('s').slice(1), process.execPath, '-e', serve]);
  try {
    await new Promise((resolve) => server.stdout.once('data', resolve));
    const fetch = `let n = 0; require('net').connect({ host: '${address}', port: ${openPort}, localAddress: '${hosts.c[family === 4 ? 0 : 1]}' }).on('data', (d) => (n += d.length)).on('end', () => console.log(n)).on('error', (e) => console.log(e.code))`;
    const client = spawn(at('c')[0] ?? '', [...at('c').slice(1), 'timeout', '30', process.execPath, '-e', fetch]);
    let text = '';
    client.stdout.on('data', (data: Buffer) => {
      text += data.toString();
    });
    await new Promise((resolve) => client.once('close', resolve));
    return Number(text.trim());
  } finally {
    server.kill('SIGKILL');
  }
}

const invalidDropped = (router: Router): number =>
  [
    ...run(`r${router}`, 'nft', 'list', 'table', 'inet', 'causeway').matchAll(
      /counter packets (\d+) bytes \d+ .*invalid/g,
    ),
  ]
    .map(([, packets]) => Number(packets))
    .reduce((sum, packets) => sum + packets, 0);

describe('with shared state', () => {
  it.each([
    [4, 1, 1],
    [4, 1, 2],
    [4, 2, 1],
    [6, 1, 2],
  ] as const)(
    'IPv%i that goes out over router %i and comes back over router %i arrives whole',
    async (family, out, back) => {
      steer(out, back);
      expect(await transfer(family, 5_000_000)).toBe(5_000_000);
    },
  );

  it('an answer to nothing is dropped by the other router too', () => {
    steer(1, 2);
    const before = invalidDropped(2);
    // An acknowledgement from the server's port to a port of the client's that never asked.
    const send = `import socket, struct, sys
src, dst = sys.argv[1], sys.argv[2]
def checksum(data):
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16: total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
tcp = struct.pack('!HHIIBBHHH', ${openPort}, 40000, 1, 1, 5 << 4, 0x10, 8192, 0, 0)
pseudo = socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack('!BBH', 0, 6, len(tcp))
tcp = tcp[:16] + struct.pack('!H', checksum(pseudo + tcp)) + tcp[18:]
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
s.bind((src, 0)); s.sendto(tcp, (dst, 0))`;
    run('s', 'python3', '-c', send, hosts.s[0], hosts.c[0]);
    expect(invalidDropped(2)).toBe(before + 1);
  });
});

describe('the daemon', () => {
  const pidOf = (router: Router): number => Number(readFileSync(filesOf(router).pid, 'utf8'));

  it('is left alone when nothing changed, and by a successor of whoever started it', async () => {
    const pid = pidOf(1);
    const successor = createConntrackd({ dir: join(dir, 'r1'), launcher: at('r1') });
    for (const daemon of [daemons.get(1), successor]) {
      expect(await daemon?.ensure(textOf(1))).toEqual({ ok: true, value: 'unchanged' });
    }
    expect(pidOf(1)).toBe(pid);
  });

  it('is started again after it was killed, and has the whole table of the other router then', async () => {
    steer(1, 1);
    expect(await transfer(4, 1000)).toBe(1000);
    process.kill(pidOf(2), 'SIGKILL');
    run('r2', 'conntrack', '-F');
    expect(await daemons.get(2)?.ensure(textOf(2))).toEqual({ ok: true, value: 'restarted' });
    const flows = (): string => run('r2', 'conntrack', '-L', '-p', 'tcp', '--orig-port-dst', String(openPort));
    const last = await lastRead(flows, (text) => text.includes(hosts.c[0]), { within: 10_000, every: 100 });
    expect(last).toContain(hosts.c[0]);
  });

  it('says what it sent and heard', async () => {
    const told = await lastRead(
      async () => daemons.get(1)?.traffic(),
      (read) => read?.ok === true && (read.value.receivedPackets ?? 0) > 0,
      { within: 10_000, every: 100 },
    );
    expect(told).toMatchObject({
      ok: true,
      value: { sendErrors: 0, receiveErrors: 0, lostPackets: expect.any(Number) },
    });
  });

  it('is gone with its files when it is stopped', async () => {
    const pid = pidOf(1);
    expect(await daemons.get(1)?.stop()).toEqual({ ok: true, value: true });
    expect(spawnSync('kill', ['-0', String(pid)]).status).not.toBe(0);
    expect(await daemons.get(1)?.stop()).toEqual({ ok: true, value: false });
  });
});

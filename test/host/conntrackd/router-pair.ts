/**
 * Two routers that share connection state, under our own policy, which is closed by default; a client and a server stand
 * beside them, joined to both. For tests that steer packets over the one or the other.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileConntrackd, printConntrackd } from '../../../src/conntrackd/config.ts';
import type { ConntrackdDaemon } from '../../../src/conntrackd/daemon.ts';
import { conntrackdFiles, createConntrackd } from '../../../src/edge/conntrackd-process.ts';
import { resolveIntent } from '../../../src/intent/resolve-intent.ts';
import { parseAddress } from '../../../src/net/address.ts';
import { compileRuleset } from '../../../src/nftables/compile.ts';
import { printRuleset } from '../../../src/nftables/print.ts';
import { resource } from '../../../src/resources/resource.fixture.ts';
import { makeSnapshot } from '../../../src/resources/snapshot.ts';

export const routers = [1, 2] as const;
export type Router = (typeof routers)[number];
export const hosts = { c: ['10.9.1.1', 'fd09:1::1'], s: ['10.9.2.1', 'fd09:2::1'] } as const;
type Host = keyof typeof hosts;
/** The client may open connections to the server's port, and nobody anything else. */
export const openPort = 5201;

export const dir = mkdtempSync(join(tmpdir(), 'cw-ct-'));
const netns = (name: string): string => `cw-ct-${name}-${process.pid}`;
export const at = (name: string): string[] => ['ip', 'netns', 'exec', netns(name)];

export function run(name: string, ...command: readonly string[]): string {
  const [program = '', ...args] = [...at(name), ...command];
  return execFileSync(program, args, { encoding: 'utf8' });
}

function policyOf(router: Router): string {
  const link = (name: string) =>
    resource('HostEndpoint', name, { node: `r${router}`, interfaceName: name }, { side: name });
  const flows = (['TCP', 'UDP'] as const).map((protocol) => ({
    action: 'Allow' as const,
    protocol,
    source: { nets: hosts.c.map(net) },
    destination: { ports: [openPort] },
  }));
  const snapshot = makeSnapshot([
    ...routers.map((number) =>
      resource('Router', `r${number}`, {
        asNumber: 64520,
        redundancyGroup: 'pair',
        stateSync: { interface: 'sync' },
        interfaces: [
          { name: 'sync', addresses: [`192.168.255.${number}/30`] },
          { name: 'hub', addresses: hub(number).map((address, i) => `${address}/${i === 0 ? 30 : 126}`) },
        ],
      }),
    ),
    link('c'),
    link('s'),
    resource('GlobalNetworkPolicy', 'allow', {
      applyOnForward: true,
      selector: 'has(side)',
      types: ['Ingress', 'Egress'],
      ingress: flows,
      egress: flows,
    }),
  ]);
  const intent = resolveIntent(snapshot, `r${router}`);
  if (!intent.ok) throw new Error('no intent');
  return printRuleset(compileRuleset(intent.value.policy));
}

/** The router's end of the link between the two. */
const hub = (router: Router): readonly [string, string] => [`10.9.3.${router}`, `fd09:3::${router}`];

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
  join2('r1', 'hub', 'r2', 'hub');
  for (const router of routers) {
    const r = `r${router}`;
    for (const key of ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1', 'net.ipv4.conf.all.rp_filter=0'])
      run(r, 'sysctl', '-qw', key);
    address(r, `192.168.255.${router}/30`, 'sync');
    for (const [i, text] of hub(router).entries()) address(r, `${text}/${i === 0 ? 30 : 126}`, 'hub');
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
export function steer(out: Router, back: Router): void {
  const turn = (host: Host, other: Host, i: number, router: Router): void => {
    run(host, 'ip', 'route', 'replace', hosts[other][0], 'via', `10.${i}.${router}.1`, 'src', hosts[host][0]);
    run(host, 'ip', '-6', 'route', 'replace', hosts[other][1], 'via', `fd0${i}:${router}::1`, 'src', hosts[host][1]);
  };
  turn('c', 's', 1, out);
  turn('s', 'c', 2, back);
}

/** Sends everything over both routers, one behind the other: the first is the client's, the second the server's. */
export function steerThrough(first: Router, second: Router): void {
  steer(first, second);
  for (const [i, family] of (['-4', '-6'] as const).entries()) {
    run(`r${first}`, 'ip', family, 'route', 'replace', hosts.s[i] ?? '', 'via', hub(second)[i] ?? '');
    run(`r${second}`, 'ip', family, 'route', 'replace', hosts.c[i] ?? '', 'via', hub(first)[i] ?? '');
  }
}

export const daemons = new Map<Router, ConntrackdDaemon>();
export const filesOf = (router: Router) => conntrackdFiles(join(dir, `r${router}`));

export function textOf(router: Router): string {
  const [local, remote] = [`192.168.255.${router}`, `192.168.255.${3 - router}`].map(parseAddress);
  if (!local || !remote) throw new Error('bad address');
  const peers = [{ router: `r${3 - router}`, address: remote }];
  const config = compileConntrackd({ interfaceName: 'sync', local, peers, port: 3780 }, filesOf(router));
  if (!config) throw new Error('no configuration');
  return printConntrackd(config);
}

/** What `setTcpTracking('shared')` sets; that one acts in the namespace of the process alone. */
function followTcpAsShared(router: Router): void {
  for (const setting of ['tcp_loose=0', 'tcp_be_liberal=1'])
    run(`r${router}`, 'sysctl', '-qw', `net.netfilter.nf_conntrack_${setting}`);
}

export async function openPair(): Promise<void> {
  layOut();
  for (const router of routers) {
    const daemon = createConntrackd({ dir: join(dir, `r${router}`), launcher: at(`r${router}`) });
    daemons.set(router, daemon);
    const started = await daemon.ensure(textOf(router));
    if (!started.ok) throw new Error(started.error.message);
    followTcpAsShared(router);
  }
}

export async function closePair(): Promise<void> {
  for (const daemon of daemons.values()) await daemon.stop();
  for (const name of ['c', 's', 'r1', 'r2']) spawnSync('ip', ['netns', 'del', netns(name)]);
  rmSync(dir, { recursive: true, force: true });
}

/** Asks the server for so many bytes, and says how many came. */
export async function transfer(family: 4 | 6, bytes: number): Promise<number> {
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

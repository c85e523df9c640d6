/**
 * Sixty links of one router, twenty of each kind, between two agents: all come up, at rest none of them costs a command, and a
 * successor finds them as they are. With LINKS=100 in the environment, as many; what that costs is in docs/design/links.md.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../../lab/eventually.ts';
import type { RouterStatus } from '../../../src/agent/status.ts';
import { joinMachines, type Machine, openMachine } from '../agent/agent-machine.ts';
import { strangersKey } from './wireguard-pair.ts';

const ofEach = Math.ceil(Number(process.env['LINKS'] ?? 60) / 3);
const ends = { gw: 1, dc: 2 } as const;
type End = keyof typeof ends;
interface Link {
  readonly kind: 'vlan' | 'wireguard' | 'ipsec';
  readonly name: string;
  readonly nth: number;
  readonly device: string;
}

const links: readonly Link[] = Array.from({ length: ofEach }, (_, i) => i + 1).flatMap((nth): readonly Link[] => [
  { kind: 'vlan', name: `vlan${nth}`, nth, device: `eth0.${100 + nth}` },
  { kind: 'wireguard', name: `wg${nth}`, nth, device: `wg${nth}` },
  { kind: 'ipsec', name: `ips${nth}`, nth, device: `ips${nth}` },
]);
const keys: Record<End, ReadonlyMap<string, string>> = { gw: new Map(), dc: new Map() };

function linkText(end: End, { kind, nth, device }: Link): string {
  const remote = `10.0.255.${3 - ends[end]}`;
  switch (kind) {
    case 'vlan':
      return `{ vlan: { parent: eth0, id: ${100 + nth} } }`;
    case 'wireguard': {
      const key = keys[end === 'gw' ? 'dc' : 'gw'].get(device) ?? strangersKey;
      const ports = `listenPort: ${52_000 + nth}, endpoint: "${remote}:${52_000 + nth}"`;
      return `{ wireguard: { interface: ${device}, peerPublicKey: ${key}, ${ports} } }`;
    }
    case 'ipsec': {
      const port = `${end === 'gw' ? 'remotePort' : 'localPort'}: ${5000 + nth}`;
      const tunnel = `{ interface: ${device}, remoteAddress: ${remote}, ${port} }`;
      return `{ ipsec: { psk: { secretRef: { name: vpn, key: psk } }, initiate: ${end === 'gw'}, tunnels: [${tunnel}] } }`;
    }
  }
}

const resources = (end: End): string => `
apiVersion: causeway.dev/v1
kind: Router
metadata: { name: ${end} }
spec: { asNumber: ${64_519 + ends[end]}, routerID: 192.0.2.${ends[end]} }
${links
  .map(
    (link, i) => `---
apiVersion: causeway.dev/v1
kind: Site
metadata: { name: ${link.name} }
spec: { type: vpc, prefixes: [10.${100 + Math.floor(i / 250)}.${i % 250}.0/24] }
---
apiVersion: causeway.dev/v1
kind: Attachment
metadata: { name: ${link.name} }
spec:
  router: ${end}
  site: ${link.name}
  link: ${linkText(end, link)}
  addresses: { local: [10.9.${i}.${ends[end]}/30], remote: [10.9.${i}.${3 - ends[end]}] }
  static: { prefixes: [10.${100 + Math.floor(i / 250)}.${i % 250}.0/24] }
`,
  )
  .join('')}`;

let gw: Machine;
let dc: Machine;
/** Where every command is written that the agent of gw runs. */
let commands: string;
let tools: string;
let agent: ReturnType<Machine['startAgent']>;
const log = { text: '' };

const startAgent = (): void => {
  agent = gw.startAgent('gw');
  agent.stderr?.on('data', (chunk: Buffer) => {
    log.text += chunk;
  });
};
const sees = (machine: Machine, end: End, match: (status: RouterStatus) => boolean) =>
  eventually(
    () => machine.status(end),
    (status) => status !== undefined && match(status),
    { within: 400_000, every: 500 },
  );
const untilAllUp = async (): Promise<void> => {
  const status = await sees(
    gw,
    'gw',
    (seen) => seen.links.filter(({ state }) => state === 'up').length === links.length,
  );
  expect(status?.links.filter(({ state }) => state !== 'up')).toEqual([]);
  expect(status?.links).toHaveLength(links.length);
};
const commandsRun = (): readonly string[] => readFileSync(commands, 'utf8').split('\n').filter(Boolean);

beforeAll(async () => {
  tools = mkdtempSync(join(tmpdir(), 'causeway-tools-'));
  commands = join(tools, 'commands');
  writeFileSync(commands, '');
  const path = process.env['PATH'];
  for (const tool of ['ip', 'tc', 'wg', 'sysctl', 'unshare']) {
    const real = execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim();
    const script = `#!/bin/sh\necho "${tool} $*" >>${commands}\nexec ${real} "$@"\n`;
    writeFileSync(join(tools, tool), script);
    chmodSync(join(tools, tool), 0o755);
  }
  process.env['PATH'] = `${tools}:${path}`;
  gw = openMachine('gw');
  process.env['PATH'] = path;
  dc = openMachine('dc');
  for (const { folder } of [gw, dc]) {
    mkdirSync(join(folder, 'secrets', 'vpn'), { recursive: true });
    writeFileSync(join(folder, 'secrets', 'vpn', 'psk'), 'a-key-of-these-two-machines', { mode: 0o600 });
  }
  joinMachines(gw, dc);
  dc.must('ip', 'addr', 'add', '10.0.255.2/24', 'dev', 'eth0');
  gw.apply(resources('gw'));
  dc.apply(resources('dc'));
  startAgent();
  dc.startAgent('dc');
});
afterAll(() => {
  gw?.close();
  dc?.close();
  rmSync(tools, { recursive: true, force: true });
});

it(`${links.length} links come up`, async () => {
  for (const [end, machine] of Object.entries({ gw, dc }) as [End, Machine][]) {
    const keysOf = (status: RouterStatus | undefined): ReadonlyMap<string, string> =>
      new Map(
        status?.links.flatMap(({ interfaceName, wireguard }) =>
          wireguard?.publicKey ? [[interfaceName, wireguard.publicKey] as const] : [],
        ),
      );
    keys[end] = keysOf(await sees(machine, end, (status) => keysOf(status).size === ofEach));
  }
  gw.apply(resources('gw'));
  dc.apply(resources('dc'));
  await untilAllUp();
}, 600_000);

it('are a line each of status, sorted by device', () => {
  const { stdout } = gw.causeway('status', '--router', 'gw');
  expect(stdout).toMatch(new RegExp(`^Links: +${links.length} of ${links.length} up$`, 'm'));
  const devices = stdout
    .slice(stdout.indexOf('\nINTERFACE '))
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(' ')[0]);
  expect(devices).toEqual(links.map(({ device }) => device).toSorted());
});

it('cost no command each while nothing changes', async () => {
  // Drivers look four times a minute, and once more at what changed last.
  const looks = (): number => commandsRun().filter((line) => line === 'ip -json -details address show').length;
  const devices = new Set(links.map(({ device }) => device));
  const ofLinks = async (): Promise<readonly string[]> => {
    truncateSync(commands);
    expect(await eventually(looks, (n) => n >= 6, { within: 120_000 })).toBeGreaterThanOrEqual(6);
    return commandsRun().filter((line) => line.split(/\s+/).some((word) => devices.has(word)));
  };
  // What is still changing when the first of these looks begin is at rest in one of them.
  expect(await eventually(ofLinks, ({ length }) => length === 0, { within: 120_000 })).toEqual([]);
}, 400_000);

it('are found by a successor, which changes nothing and says each once', async () => {
  const shown = () => gw.must('ip', '-o', 'address', 'show');
  const before = shown();
  const closed = once(agent, 'close');
  agent.kill('SIGKILL');
  await closed;
  log.text = '';
  startAgent();
  await untilAllUp();
  expect(shown()).toBe(before);
  const said = () => log.text.match(/"link up"/g)?.length ?? 0;
  expect(await eventually(said, (count) => count >= links.length)).toBe(links.length);
}, 600_000);

/** Two agents with several IPsec tunnels: by keys and certificates, two of one Attachment, and secrets that are missing or change. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../lab/eventually.ts';
import type { RouterStatus } from '../../../src/agent/status.ts';
import { findCharons } from '../../../src/edge/links/charon-process.ts';
import { joinMachines, type Machine, openMachine } from '../agent/agent-machine.ts';
import { isSameTime } from '../bird/session-time.ts';

/** gw opens every tunnel; dc waits, at ports that are written. The last byte of the addresses outside and inside. */
const ends = {
  gw: { as: 64_520, far: 64_521, last: 1, own: '10.50.0.0/16', prefix: '10.60.0.0/16' },
  dc: { as: 64_521, far: 64_520, last: 2, own: '10.60.0.0/16', prefix: '10.50.0.0/16' },
} as const;
type End = keyof typeof ends;
const names = ['gw', 'dc'] as const;

/**
 * Devices of both ends, with the third byte of their inside addresses; nobody writes those of the last. Tunnels of one Attachment
 * share its session's settings.
 */
const subnets = { 'pair-1': 11, 'pair-2': 12, cert0: 13, late0: undefined } as const;
type Device = keyof typeof subnets;

const tunnel = (end: End, device: Device, port?: number): string => {
  const { last } = ends[end];
  const ports = port === undefined ? '' : end === 'gw' ? `, remotePort: ${port}` : `, localPort: ${port}`;
  const third = subnets[device];
  const addresses = `{ local: [169.254.${third}.${last}/30], remote: [169.254.${third}.${3 - last}] }`;
  const inside = third === undefined ? '' : `, addresses: ${addresses}`;
  return `{ interface: ${device}, remoteAddress: 10.0.255.${3 - last}${ports}${inside} }`;
};

const ref = (name: string, key: string): string => `{ secretRef: { name: ${name}, key: ${key} } }`;

const attachment = (end: End, name: string, authentication: string, tunnels: readonly string[]): string => `
---
apiVersion: causeway.dev/v1
kind: Attachment
metadata: { name: ${name} }
spec:
  router: ${end}
  site: far
  link:
    ipsec:
      ${authentication}
      localAddress: 10.0.255.${ends[end].last}
      dpd: { delay: 2s, timeout: 6s }
      initiate: ${end === 'gw'}
      tunnels: [${tunnels.join(', ')}]
  bgp: { asNumber: ${ends[end].far}, bfd: 'off', gracefulRestart: 'off', holdTime: 180s, keepaliveTime: 5s }
`;

const certificate = (end: End): string =>
  [
    `certificate: { certificate: ${ref('cert', 'crt')}, privateKey: ${ref('cert', 'key')}, authority: ${ref('cert', 'ca')} }`,
    `localID: ${end}.test`,
    `remoteID: ${end === 'gw' ? 'dc' : 'gw'}.test`,
  ].join('\n      ');

const resources = (end: End): string => `
apiVersion: causeway.dev/v1
kind: Router
metadata: { name: ${end} }
spec: { asNumber: ${ends[end].as}, routerID: 192.0.2.${ends[end].last} }
---
apiVersion: causeway.dev/v1
kind: Site
metadata: { name: far }
spec: { type: datacenter, prefixes: [${ends[end].prefix}], segment: all }
---
apiVersion: causeway.dev/v1
kind: Segment
metadata: { name: all }
spec: { exchangeWith: [all] }
---
apiVersion: causeway.dev/v1
kind: Site
metadata: { name: own }
spec: { type: datacenter, prefixes: [${ends[end].own}], segment: all }
---
apiVersion: causeway.dev/v1
kind: Attachment
metadata: { name: own }
spec:
  router: ${end}
  site: own
  link: { interface: { name: eth1 } }
  addresses: { local: [10.1.255.1/24], remote: [10.1.255.2] }
  static: { prefixes: [${ends[end].own}] }
${attachment(end, 'pair', `psk: ${ref('pair', 'psk')}`, [tunnel(end, 'pair-1'), tunnel(end, 'pair-2', 5102)])}
${attachment(end, 'cert', certificate(end), [tunnel(end, 'cert0', 5103)])}
${attachment(end, 'late', `psk: ${ref('late', 'psk')}`, [tunnel(end, 'late0', 5104)])}
`;

/** What our systemd unit takes from the agent and all that it starts. */
function confinement(): readonly string[] {
  const unit = readFileSync(resolve(import.meta.dirname, '../../../packaging/causeway-agent@.service'), 'utf8');
  const settingOf = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1] ?? '';
  const kept = settingOf('CapabilityBoundingSet').split(' ');
  const bounds = ['-all', ...kept.map((name) => `+${name.replace('CAP_', '').toLowerCase()}`)].join(',');
  const core = settingOf('LimitCORE');
  return ['setpriv', `--bounding-set=${bounds}`, '--no-new-privs', 'prlimit', `--core=${core}:${core}`];
}

describe('two agents with several IPsec tunnels', () => {
  const machines = new Map<End, Machine>();
  const at = (end: End): Machine => machines.get(end) as Machine;

  const store = (end: End, name: string, text: string): void => {
    const path = join(at(end).folder, 'secrets', name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text, { mode: 0o600 });
  };
  const sees = async (end: End, match: (status: RouterStatus) => boolean, within = 60_000): Promise<RouterStatus> => {
    const status = await eventually(
      () => at(end).status(end),
      (seen) => seen !== undefined && match(seen),
      { within },
    );
    expect(status).toSatisfy(match);
    return status as RouterStatus;
  };
  const linkOf = (status: RouterStatus, device: Device) =>
    status.links.find(({ interfaceName }) => interfaceName === device);
  const isUp =
    (...devices: readonly Device[]) =>
    (status: RouterStatus): boolean =>
      devices.every((device) => linkOf(status, device)?.state === 'up');
  const isEstablished =
    (count: number) =>
    ({ routing }: RouterStatus): boolean =>
      routing.sessions.filter(({ state }) => state === 'Established').length === count;
  const charonsOf = (end: End) => findCharons(join(at(end).folder, 'run', end, 'ipsec'));
  const killCharon = async (end: End, device: Device): Promise<void> =>
    void process.kill((await charonsOf(end)).get(device) ?? 0, 'SIGKILL');
  /** Which devices the learned prefix leads over. */
  const nextHops = (): string[] => {
    const text = at('gw').must('ip', '-json', 'route', 'show', '10.60.0.0/16');
    const [route] = JSON.parse(text) as { dev?: string; nexthops?: { dev: string }[] }[];
    return (route?.nexthops?.map(({ dev }) => dev) ?? [route?.dev ?? '']).sort();
  };
  const leadsOver = (...devices: readonly Device[]): Promise<string[]> =>
    eventually(nextHops, (seen) => seen.join() === devices.join());

  beforeAll(() => {
    for (const end of names) machines.set(end, openMachine(end));
    joinMachines(at('gw'), at('dc'));
    at('dc').must('ip', 'addr', 'add', '10.0.255.2/24', 'dev', 'eth0');
    certify();
    for (const end of names) {
      for (const name of end === 'gw' ? ['pair'] : ['pair', 'late']) store(end, `${name}/psk`, `the-key-of-${name}`);
      at(end).apply(resources(end));
    }
    startAsUnit('gw');
    at('dc').startAgent('dc');
  });

  afterAll(() => {
    for (const machine of machines.values()) machine.close();
  });

  /** It goes with whatever runs in its namespace. */
  function startAsUnit(end: End): void {
    const { program, args, env } = at(end).command('agent', '--router', end);
    const words = [...args.slice(0, 3), ...confinement(), ...args.slice(3)];
    spawn(program, words, { env, stdio: 'ignore' }).unref();
  }

  function certify(): void {
    const file = (name: string): string => join(at('gw').folder, name);
    const pki = (to: string, ...words: readonly string[]): string => {
      const text = execFileSync('pki', [...words, '--outform', 'pem'], { encoding: 'utf8' });
      writeFileSync(file(to), text);
      return text;
    };
    pki('ca.key', '--gen', '--type', 'ecdsa', '--size', '256');
    const authority = pki('ca.crt', '--self', '--ca', '--in', file('ca.key'), '--type', 'ecdsa', '--dn', 'CN=ca');
    for (const end of names) {
      store(end, 'cert/key', pki(`${end}.key`, '--gen', '--type', 'ecdsa', '--size', '256'));
      const from = ['--cacert', file('ca.crt'), '--cakey', file('ca.key')];
      const subject = ['--type', 'ecdsa', '--dn', `CN=${end}`, '--san', `${end}.test`];
      store(end, 'cert/crt', pki(`${end}.crt`, '--issue', '--in', file(`${end}.key`), ...from, ...subject));
      store(end, 'cert/ca', authority);
    }
  }

  it('have all tunnels with a session in each, but for the one whose key is missing, which says so', async () => {
    const status = await sees('gw', (seen) => isUp('pair-1', 'pair-2', 'cert0')(seen) && isEstablished(3)(seen));
    expect(linkOf(status, 'late0')).toMatchObject({
      attachment: 'late',
      state: 'failed',
      reason: 'secret late/psk is missing, empty, or readable by others',
    });
    for (const device of ['pair-1', 'pair-2'] as const) {
      expect(linkOf(status, device)).toMatchObject({ attachment: 'pair', ipsec: { isEncapsulated: true } });
    }
    expect([...(await charonsOf('gw')).keys()].sort()).toEqual(['cert0', 'pair-1', 'pair-2']);
    const [charon] = (await charonsOf('gw')).values();
    expect(readFileSync(`/proc/${charon}/status`, 'utf8')).toMatch(/^NoNewPrivs:\t1$/m);
    const table = at('gw').causeway('status', '--router', 'gw').stdout;
    expect(table).toMatch(/^Links: +4 of 5 up/m);
    expect(table).toMatch(/^late0 +late +ipsec +\S+ +failed .*late\/psk/im);
  });

  it('use both tunnels of an Attachment, and the other alone where one is lost', async () => {
    expect(await leadsOver('cert0', 'pair-1', 'pair-2')).toEqual(['cert0', 'pair-1', 'pair-2']);
    expect(at('gw').causeway('delete', 'attachment', 'cert').code).toBe(0);
    expect(await leadsOver('pair-1', 'pair-2')).toEqual(['pair-1', 'pair-2']);
    const before = await sees('gw', isEstablished(2));
    const sinceOf = ({ routing }: RouterStatus, subnet: number) =>
      routing.sessions.find(({ neighbor }) => neighbor === `169.254.${subnet}.2`)?.since;
    const charon = (await charonsOf('gw')).get('pair-1');
    await killCharon('dc', 'pair-2');
    expect(await leadsOver('pair-1')).toEqual(['pair-1']);
    expect(await leadsOver('pair-1', 'pair-2')).toEqual(['pair-1', 'pair-2']);
    const after = await sees('gw', isEstablished(2));
    expect(isSameTime(sinceOf(after, 11), sinceOf(before, 11))).toBe(true);
    expect(isSameTime(sinceOf(after, 12), sinceOf(before, 12))).toBe(false);
    expect((await charonsOf('gw')).get('pair-1')).toBe(charon);
  });

  it('leave nothing of the tunnel that was taken away', async () => {
    await eventually(
      () => at('gw').status('gw'),
      (status) => status !== undefined && linkOf(status, 'cert0') === undefined,
    );
    const left = async (): Promise<string> => {
      const files = execFileSync('ls', ['-R', join(at('gw').folder, 'run', 'gw', 'ipsec')], { encoding: 'utf8' });
      return [...(await charonsOf('gw')).keys(), at('gw').must('ip', '-o', 'link'), files].join('\n');
    };
    expect(await eventually(left, (text) => !text.includes('cert0'))).not.toContain('cert0');
    expect([...(await charonsOf('gw')).keys()].sort()).toEqual(['pair-1', 'pair-2']);
  });

  it('bring the tunnel about once its key is there, with BGP between addresses that nobody wrote, and disturb no other', async () => {
    const before = await charonsOf('gw');
    store('gw', 'late/psk', 'the-key-of-late');
    await sees('gw', (status) => isUp('late0', 'pair-1', 'pair-2')(status) && isEstablished(3)(status));
    const after = await charonsOf('gw');
    for (const [name, pid] of before) expect(after.get(name)).toBe(pid);
  });

  it('take a new key without a break, and need it once a tunnel is agreed on anew', async () => {
    const established = (device: Device): number =>
      readFileSync(join(at('gw').folder, 'run', 'gw', 'ipsec', device, 'charon.log'), 'utf8').match(
        /established between/g,
      )?.length ?? 0;
    const before = established('pair-1');
    const loaded = (end: End): number =>
      readFileSync(join(at(end).folder, 'run', end, 'ipsec', 'pair-1', 'charon.log'), 'utf8').match(
        /loaded IKE shared key/g,
      )?.length ?? 0;
    store('dc', 'pair/psk', 'another-key');
    await eventually(
      () => loaded('dc'),
      (count) => count === 2,
    );
    await sees('gw', isUp('pair-1', 'pair-2'));
    expect(established('pair-1')).toBe(before);
    await killCharon('gw', 'pair-1');
    const refused = await sees('gw', (status) => linkOf(status, 'pair-1')?.state === 'down');
    const why = await sees('gw', (status) => /^authentication failed/.test(linkOf(status, 'pair-1')?.reason ?? ''));
    expect(isUp('pair-2', 'late0')(refused) && isUp('pair-2', 'late0')(why)).toBe(true);
    store('gw', 'pair/psk', 'another-key');
    await sees('gw', isUp('pair-1', 'pair-2'));
  });

  it('keep a tunnel that is up although its key is gone, and say that', async () => {
    rmSync(join(at('gw').folder, 'secrets', 'late', 'psk'));
    const status = await sees('gw', (seen) => linkOf(seen, 'late0')?.state === 'failed');
    expect(isUp('pair-1', 'pair-2')(status)).toBe(true);
    expect(at('gw').must('ip', '-o', 'link', 'show', 'late0')).toMatch(/[<,]UP[,>]/);
  });

  it('show none of their keys in status, logs, arguments or files beside the secrets', async () => {
    for (const end of names) {
      const { folder, netns } = at(end);
      const pids = execFileSync('ip', ['netns', 'pids', netns], { encoding: 'utf8' }).split('\n').filter(Boolean);
      const seen = [
        JSON.stringify(await sees(end, () => true)),
        ...pids.map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8')),
        execFileSync('sh', ['-c', `find ${folder}/run ${folder}/store -type f -exec cat {} +`], { encoding: 'latin1' }),
      ].join('\n');
      expect(seen).not.toMatch(/the-key-of|another-key|PRIVATE KEY/);
    }
  });
});

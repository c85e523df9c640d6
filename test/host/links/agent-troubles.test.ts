/** Links of all kinds through what happens to an agent: killed at bad moments, garbage in its folders, resources changed behind its back. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../lab/eventually.ts';
import type { RouterStatus } from '../../../src/agent/status.ts';
import { joinMachines, type Machine, openMachine } from '../agent/agent-machine.ts';
import { strangersKey } from './wireguard-pair.ts';

type Agent = ReturnType<Machine['startAgent']>;
type Kind = 'vlan' | 'wireguard' | 'ipsec';

/** One end: the last byte of its addresses outside and inside. */
const ends = { gw: 1, dc: 2 } as const;
type End = keyof typeof ends;

/** Each with the third byte of its inside addresses. */
const inside: Record<Kind, number> = { vlan: 1, wireguard: 2, ipsec: 3 };
/** At gw. */
const devices: Record<Kind, string> = { vlan: 'eth0.101', wireguard: 'wg0', ipsec: 'ips0' };
const secret = 'a-key-of-these-two-machines';
const kinds: readonly Kind[] = ['vlan', 'wireguard', 'ipsec'];

const router = (end: End): string => `
apiVersion: causeway.dev/v1
kind: Router
metadata: { name: ${end} }
spec: { asNumber: ${64_519 + ends[end]}, routerID: 192.0.2.${ends[end]} }
---
apiVersion: causeway.dev/v1
kind: Site
metadata: { name: far }
spec: { type: datacenter, prefixes: [10.60.0.0/16] }
`;

const attachment = (end: End, name: string, link: string, subnet: number): string => `
---
apiVersion: causeway.dev/v1
kind: Attachment
metadata: { name: ${name} }
spec:
  router: ${end}
  site: far
  link: ${link}
  addresses: { local: [169.254.${subnet}.${ends[end]}/30], remote: [169.254.${subnet}.${3 - ends[end]}] }
  static: { prefixes: [10.60.0.0/16] }
`;

/** Echo requests of the other end, which a closed router answers nobody. */
const answers = `
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: { name: echo }
spec:
  selector: all()
  types: [Ingress, Egress]
  ingress: [{ action: Allow, protocol: ICMP }]
  egress: [{ action: Allow, protocol: ICMP }]
`;

describe('links of a router with troubles', () => {
  let gw: Machine;
  let dc: Machine;
  let agent: Agent;
  const keys: Record<End, string> = { gw: strangersKey, dc: strangersKey };
  const log = { text: '' };

  const linkOf = (end: End, kind: Kind): string => {
    const [own, other] = [ends[end], 3 - ends[end]];
    switch (kind) {
      case 'vlan':
        return '{ vlan: { parent: eth0, id: 101 } }';
      case 'wireguard': {
        const key = keys[end === 'gw' ? 'dc' : 'gw'];
        const device = end === 'gw' ? devices.wireguard : 'wg0';
        return `{ wireguard: { interface: ${device}, peerPublicKey: ${key}, endpoint: "10.0.255.${other}:51820" } }`;
      }
      case 'ipsec': {
        const tunnel = `{ interface: ${end === 'gw' ? devices.ipsec : 'ips0'}, remoteAddress: 10.0.255.${other} }`;
        return `{ ipsec: { psk: { secretRef: { name: vpn, key: psk } }, initiate: ${own === 1}, tunnels: [${tunnel}] } }`;
      }
    }
  };
  /** Of the Attachment at gw. */
  let name = (kind: Kind): string => kind;
  const allOf = (end: End): string =>
    [
      router(end),
      ...kinds.map((kind) => attachment(end, end === 'gw' ? name(kind) : kind, linkOf(end, kind), inside[kind])),
      answers,
    ].join('');
  const startAgent = (): void => {
    agent = gw.startAgent('gw');
    agent.stderr?.on('data', (chunk: Buffer) => {
      log.text += chunk;
    });
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const closed = once(agent, 'close');
    agent.kill(signal);
    await closed;
  };
  const sees = (machine: Machine, of: End, match: (status: RouterStatus) => boolean) =>
    eventually(
      () => machine.status(of),
      (status) => status !== undefined && match(status),
    );
  const statesOf = (status: RouterStatus | undefined): string[] =>
    (status?.links ?? []).map(({ attachment: of, interfaceName, state, reason }) =>
      [of, interfaceName, state, reason ?? ''].join(' ').trim(),
    );
  const untilAllUp = async (): Promise<void> => {
    const allUp = kinds.map((kind) => `${name(kind)} ${devices[kind]} up`).toSorted();
    const status = await sees(gw, 'gw', (seen) => statesOf(seen).toSorted().join() === allUp.join());
    expect(statesOf(status).toSorted()).toEqual(allUp);
  };
  /** Each end has a key for its device, and knows that of the other one. */
  const exchangeKeys = async (): Promise<void> => {
    for (const [of, machine] of [
      ['gw', gw],
      ['dc', dc],
    ] as const) {
      const device = of === 'gw' ? devices.wireguard : 'wg0';
      const keyOf = ({ links }: RouterStatus) =>
        links.find((link) => link.interfaceName === device)?.wireguard?.publicKey;
      const status = await sees(machine, of, (seen) => !!keyOf(seen));
      keys[of] = (status && keyOf(status)) ?? '';
    }
    gw.apply(allOf('gw'));
    dc.apply(allOf('dc'));
  };
  /** Devices whose alias says that they are the router's. */
  const ownDevices = (): { name: string; alias: string }[] =>
    (JSON.parse(gw.must('ip', '-json', 'link', 'show')) as readonly { ifname: string; ifalias?: string }[])
      .map(({ ifname, ifalias = '' }) => ({ name: ifname, alias: ifalias }))
      .filter(({ alias }) => alias.startsWith('causeway gw '))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  /** What is there of links, devices and daemons. */
  const left = (): string => [...ownDevices().map(({ name: device }) => device), ...daemons()].join(' ');
  const remove = (...names: readonly string[]): void => {
    for (const one of names) expect(gw.causeway('delete', 'attachment', one).code).toBe(0);
  };
  const daemons = (): string[] => {
    const pids = execFileSync('ip', ['netns', 'pids', gw.netns], { encoding: 'utf8' }).split('\n').filter(Boolean);
    const names = pids.length === 0 ? [] : gw.run('ps', '-o', 'comm=', '-p', pids.join()).stdout.split('\n');
    return names.filter((comm) => /^(charon|wireguard)/.test(comm)).toSorted();
  };

  /** Echo requests through each link, ten a second, until stopped; gives how many went unanswered before one that was answered then. */
  const pingAll = (): (() => Promise<number[]>) => {
    const pings = kinds.map((kind) => {
      const words = ['netns', 'exec', gw.netns, 'ping', '-n', '-D', '-i', '0.1', `169.254.${inside[kind]}.2`];
      const ping: ChildProcess = spawn('ip', words, { stdio: ['ignore', 'pipe', 'ignore'] });
      let text = '';
      ping.stdout?.on('data', (chunk: Buffer) => {
        text += chunk;
      });
      return { ping, answers: () => answersIn(text) };
    });
    return async () => {
      const asked = Date.now();
      const goesOn = () => pings.every(({ answers }) => (answers().at(-1)?.at ?? 0) > asked);
      expect(await eventually(goesOn, (is) => is)).toBe(true);
      return pings.map(({ ping, answers }) => {
        ping.kill('SIGKILL');
        return (answers().at(-1)?.sequence ?? 0) - answers().length;
      });
    };
  };

  beforeAll(async () => {
    gw = openMachine('gw');
    dc = openMachine('dc');
    for (const { folder } of [gw, dc]) {
      mkdirSync(join(folder, 'secrets', 'vpn'), { recursive: true });
      writeFileSync(join(folder, 'secrets', 'vpn', 'psk'), secret, { mode: 0o600 });
    }
    joinMachines(gw, dc);
    dc.must('ip', 'addr', 'add', '10.0.255.2/24', 'dev', 'eth0');
    gw.apply(allOf('gw'));
    dc.apply(allOf('dc'));
    startAgent();
    dc.startAgent('dc');
    await exchangeKeys();
    await untilAllUp();
  });
  afterAll(() => {
    gw?.close();
    dc?.close();
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'lose no packet while an agent ends by %s and its successor begins',
    async (signal) => {
      const stop = pingAll();
      await end(signal);
      startAgent();
      await untilAllUp();
      expect(await stop()).toEqual([0, 0, 0]);
    },
  );

  it('lose no packet where their Attachments were renamed while no agent ran, and belong to them then', async () => {
    const stop = pingAll();
    await end('SIGKILL');
    remove(...kinds);
    name = (kind) => `my-${kind}`;
    gw.apply(allOf('gw'));
    startAgent();
    await untilAllUp();
    expect(await stop()).toEqual([0, 0, 0]);
    const aliases = new Map(ownDevices().map((device) => [device.name, device.alias]));
    for (const kind of kinds) expect(aliases.get(devices[kind])).toBe(`causeway gw ${name(kind)}`);
  });

  it('change their names among each other', async () => {
    [devices.wireguard, devices.ipsec] = [devices.ipsec, devices.wireguard];
    gw.apply(allOf('gw'));
    await exchangeKeys();
    await untilAllUp();
    const dir = join(gw.folder, 'run', 'gw');
    expect(
      await eventually(
        () => readdirSync(join(dir, 'ipsec')),
        ({ length }) => length === 1,
      ),
    ).toEqual([devices.ipsec]);
    expect(existsSync(join(dir, 'wireguard', `${devices.wireguard}.pid`))).toBe(true);
    expect(existsSync(join(dir, 'wireguard', `${devices.ipsec}.pid`))).toBe(false);
  });

  it('are found by a successor that finds garbage beside them', async () => {
    const stop = pingAll();
    await end('SIGKILL');
    const dir = join(gw.folder, 'run', 'gw');
    mkdirSync(join(dir, 'ipsec', 'strange', 'folder'), { recursive: true });
    writeFileSync(join(dir, 'ipsec', 'strange', 'strongswan.conf'), '}');
    writeFileSync(join(dir, 'ipsec', 'a-file'), 'x');
    writeFileSync(join(dir, 'wireguard', 'nothing.pid'), '1');
    writeFileSync(join(dir, 'wireguard', 'words.pid'), 'one two');
    mkdirSync(join(dir, 'wireguard', 'folder.pid'));
    mkdirSync(join(dir, 'vlan', 'x.o'), { recursive: true });
    writeFileSync(join(gw.folder, 'state', 'gw', 'applied.json'), '{');
    startAgent();
    await untilAllUp();
    expect(await stop()).toEqual([0, 0, 0]);
  });

  it('are told to a charon again whose notes were lost', async () => {
    await end('SIGKILL');
    writeFileSync(join(gw.folder, 'run', 'gw', 'ipsec', devices.ipsec, 'connections.json'), '{"');
    startAgent();
    await untilAllUp();
    expect(await eventually(daemons, ({ length }) => length === 2)).toEqual(['charon-systemd', 'wireguard-go']);
  });

  it('are looked after by a successor whose BIRD takes nothing, and what nobody wants any more stays until it does', async () => {
    const own = join(gw.folder, 'bird.d', 'own.conf');
    await end('SIGKILL');
    remove(name('vlan'));
    mkdirSync(join(gw.folder, 'bird.d'), { recursive: true });
    writeFileSync(own, 'this is no text for BIRD');
    startAgent();
    const areUp = (status: RouterStatus): boolean =>
      statesOf(status).filter((line) => line.endsWith(' up')).length === 2;
    expect(await sees(gw, 'gw', areUp)).toSatisfy(areUp);
    const indexOf = (device: string): string =>
      /^\d+/.exec(gw.run('ip', '-o', 'link', 'show', device).stdout)?.[0] ?? '';
    const before = indexOf(devices.wireguard);
    gw.must('ip', 'link', 'del', devices.wireguard);
    const isAnother = (index: string): boolean => index !== '' && index !== before;
    expect(await eventually(() => indexOf(devices.wireguard), isAnother)).toSatisfy(isAnother);
    expect(await sees(gw, 'gw', areUp)).toSatisfy(areUp);
    expect(ownDevices().map((device) => device.name)).toContain(devices.vlan);
    rmSync(own);
    const isGone = () => !ownDevices().some((device) => device.name === devices.vlan);
    expect(await eventually(isGone, (gone) => gone)).toBe(true);
    gw.apply(allOf('gw'));
    await untilAllUp();
  });

  it('are as they must be whenever an agent was killed that brought them about', async () => {
    const named = () => ownDevices().map(({ name: device }) => device.replace(/^cw-.*/, 'cw'));
    const whole = named();
    for (const ms of [150, 600, 1200, 2000]) {
      remove(...kinds.map(name));
      await sees(gw, 'gw', ({ links }) => links.length === 0);
      gw.apply(allOf('gw'));
      await pause(ms);
      await end('SIGKILL');
      startAgent();
    }
    await untilAllUp();
    expect(named()).toEqual(whole);
    expect(await eventually(daemons, ({ length }) => length === 2)).toEqual(['charon-systemd', 'wireguard-go']);
  });

  it('are gone whenever an agent was killed that took them away', async () => {
    for (const ms of [100, 400]) {
      remove(...kinds.map(name));
      await pause(ms);
      await end('SIGKILL');
      startAgent();
      await sees(gw, 'gw', ({ links, policy }) => links.length === 0 && policy.inSync);
      expect(await eventually(left, (names) => names === '')).toBe('');
      gw.apply(allOf('gw'));
      await untilAllUp();
    }
  }, 240_000);

  it('go before their policy does, when the Router was deleted while no agent ran', async () => {
    await end('SIGKILL');
    remove(...kinds.map(name));
    expect(gw.causeway('delete', 'router', 'gw').code).toBe(0);
    expect(left()).not.toBe('');
    startAgent();
    let isOpen = false;
    const gone = (): string => {
      const table = gw.table();
      const names = left();
      isOpen ||= names !== '' && table === '';
      return table + names;
    };
    expect(await eventually(gone, (text) => text === '', { every: 20 })).toBe('');
    expect(isOpen).toBe(false);
  });

  it('fill no log, and show no secret in it', () => {
    expect(log.text.split('\n').length).toBeLessThan(600);
    expect(log.text).not.toContain(secret);
  });
});

/** Numbers of the requests that were answered, from 1, and when, in ms since the epoch: `[seconds] 64 bytes from …: icmp_seq=1 …`. */
function answersIn(text: string): { readonly at: number; readonly sequence: number }[] {
  return [...text.matchAll(/^\[([\d.]+)\] \d+ bytes from .*icmp_seq=(\d+) .*\n/gm)].map(([, at, sequence]) => ({
    at: Number(at) * 1000,
    sequence: Number(sequence),
  }));
}

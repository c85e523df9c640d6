/** Two agents joined by a link of each kind with BGP over it: killed, cut apart, and taken away. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../lab/eventually.ts';
import type { RouterStatus } from '../../../src/agent/status.ts';
import { joinMachines, type Machine, openMachine } from '../agent/agent-machine.ts';
import { began, isSameTime } from '../bird/session-time.ts';
import { strangersKey } from './wireguard-pair.ts';

/** One end: its router, AS, and the last byte of its addresses outside and inside. */
const ends = [
  { router: 'gw', as: 64_520, far: 64_521, last: 1, prefixes: '10.50.0.0/16', farPrefixes: '10.60.0.0/16' },
  { router: 'dc', as: 64_521, far: 64_520, last: 2, prefixes: '10.60.0.0/16', farPrefixes: '10.50.0.0/16' },
] as const;
type End = (typeof ends)[number];

const pidsOf = ({ netns }: Machine): readonly string[] =>
  execFileSync('ip', ['netns', 'pids', netns], { encoding: 'utf8' }).split('\n').filter(Boolean);

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

interface Kind {
  readonly kind: 'wireguard' | 'ipsec' | 'vlan';
  readonly device: string;
  /** Of the one end, where the other end's public key is this. */
  link(end: End, peerPublicKey: string): string;
  readonly driver: RegExp;
  /** What carries it ends behind the agent's back, and its device with that. */
  lose(machine: Machine): void;
  /** What the table of `status` says of it. */
  readonly about: RegExp;
}

const secretOfBoth = 'a-key-that-must-not-be-seen-anywhere';

const kinds: readonly Kind[] = [
  {
    kind: 'wireguard',
    device: 'tun0',
    link: ({ last }, key) =>
      `{ wireguard: { interface: tun0, peerPublicKey: ${key}, endpoint: "10.0.255.${3 - last}:51820" } }`,
    lose: (machine) => void machine.must('ip', 'link', 'del', 'tun0'),
    driver: /^(kernel-wireguard|wireguard-go)$/,
    about: /^tun0 +tunnel +wireguard +\S+ +up +\d+ +peer 10\.0\.255\.2:51820; public key \S{44}$/m,
  },
  {
    kind: 'ipsec',
    device: 'tun0',
    link: ({ last }) => `
    ipsec:
      psk: { secretRef: { name: vpn, key: psk } }
      dpd: { delay: 2s, timeout: 6s }
      initiate: ${last === 1}
      tunnels: [{ interface: tun0, localAddress: 10.0.255.${last}, remoteAddress: 10.0.255.${3 - last} }]`,
    lose: (machine) => {
      const charons = pidsOf(machine).filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('charon'));
      for (const pid of charons) process.kill(Number(pid), 'SIGKILL');
    },
    driver: /^(kernel-xfrm|userspace-esp)$/,
    about: /^tun0 +tunnel +ipsec +\S+ +up +\d+ +peer 10\.0\.255\.2:\d+, \S*AES_GCM\S*$/m,
  },
  {
    kind: 'vlan',
    device: 'eth0.101',
    link: () => '{ vlan: { parent: eth0, id: 101 } }',
    lose: (machine) => void machine.must('ip', 'link', 'del', 'eth0.101'),
    driver: /^(kernel-8021q|tc-bpf-tagger)$/,
    about: /^eth0\.101 +tunnel +vlan +\S+ +up +1500$/m,
  },
];

/** The session would outlive the link by its hold time, if nothing else ended it. */
const resources = ({ router, as, far, last, farPrefixes }: End, link: string) => `
apiVersion: causeway.dev/v1
kind: Router
metadata: { name: ${router} }
spec: { asNumber: ${as}, routerID: 192.0.2.${last} }
---
apiVersion: causeway.dev/v1
kind: Site
metadata: { name: far }
spec: { type: datacenter, prefixes: [${farPrefixes}] }
---
apiVersion: causeway.dev/v1
kind: Attachment
metadata: { name: tunnel }
spec:
  router: ${router}
  site: far
  link: ${link}
  addresses: { local: [169.254.10.${last}/30], remote: [169.254.10.${3 - last}] }
  bgp: { asNumber: ${far}, bfd: 'off', gracefulRestart: 'off', holdTime: 180s, keepaliveTime: 5s }
`;

describe.each(kinds)(
  'two agents and a link of kind $kind between them',
  ({ kind, device, link, lose, driver, about }) => {
    const machines: Machine[] = [];
    let gw: Machine;
    let dc: Machine;
    let agent: ReturnType<Machine['startAgent']>;
    const linkOf = (status: RouterStatus | undefined) =>
      status?.links.find(({ interfaceName }) => interfaceName === device);
    const isEstablished = ({ routing }: RouterStatus): boolean =>
      routing.sessions.some(({ state }) => state === 'Established');
    const sees = (machine: Machine, router: string, match: (status: RouterStatus) => boolean, within = 60_000) =>
      eventually(
        () => machine.status(router),
        (status) => status !== undefined && match(status),
        { within },
      );
    const shown = (machine: Machine): string => machine.run('ip', '-o', 'link', 'show', device).stdout;
    const exchangeKeys = async (): Promise<void> => {
      const keys: string[] = [];
      for (const [i, end] of ends.entries()) {
        const status = await sees(machines[i] as Machine, end.router, (seen) => !!linkOf(seen)?.wireguard?.publicKey);
        keys.push(linkOf(status)?.wireguard?.publicKey ?? '');
      }
      for (const [i, end] of ends.entries()) machines[i]?.apply(resources(end, link(end, keys[1 - i] ?? '')));
    };
    const bothUp = async (): Promise<void> => {
      for (const [i, end] of ends.entries()) {
        const isUp = (seen: RouterStatus) => isEstablished(seen) && linkOf(seen)?.state === 'up';
        const status = await sees(machines[i] as Machine, end.router, isUp);
        expect(linkOf(status)).toMatchObject({ state: 'up', reason: null });
        expect(status && isEstablished(status)).toBe(true);
      }
    };

    beforeAll(async () => {
      for (const end of ends) {
        const machine = openMachine(end.router);
        machines.push(machine);
        mkdirSync(join(machine.folder, 'secrets', 'vpn'), { recursive: true });
        writeFileSync(join(machine.folder, 'secrets', 'vpn', 'psk'), secretOfBoth, { mode: 0o600 });
      }
      [gw, dc] = machines as [Machine, Machine];
      joinMachines(gw, dc);
      dc.must('ip', 'addr', 'add', '10.0.255.2/24', 'dev', 'eth0');
      for (const [i, end] of ends.entries()) {
        machines[i]?.apply(resources(end, link(end, strangersKey)));
        const started = machines[i]?.startAgent(end.router);
        if (i === 0 && started) agent = started;
      }
      if (kind === 'wireguard') await exchangeKeys();
    });
    afterAll(() => {
      for (const machine of machines) machine.close();
    });

    it('have a session over it, and say by which driver, with whom, and no secret', async () => {
      await bothUp();
      const seen = linkOf(await gw.status('gw'));
      expect(seen).toMatchObject({ attachment: 'tunnel', kind, remotes: ['169.254.10.2'] });
      expect(seen?.driver).toMatch(driver);
      const table = gw.causeway('status', '--router', 'gw').stdout;
      expect(table).toMatch(/^Links: +1 of 1 up$/m);
      expect(table).toMatch(about);
      expect(JSON.stringify(await gw.status('gw'))).not.toContain(secretOfBoth);
    });

    it('leave nothing of their memory in a core file, nor does the agent, nor BIRD', () => {
      // One that `wg` was is gone by now.
      const filters = pidsOf(gw).flatMap((pid) => readIfThere(`/proc/${pid}/coredump_filter`) ?? []);
      expect(filters.length).toBeGreaterThan(2);
      expect(filters.map((text) => Number.parseInt(text, 16)).filter((filter) => filter !== 0)).toEqual([]);
    });

    it('keep link and session while an agent is killed, and its successor changes neither', async () => {
      const before = shown(gw);
      const since = (await dc.status('dc'))?.routing.sessions[0]?.since;
      agent.kill('SIGKILL');
      await once(agent, 'close');
      expect(shown(gw)).toBe(before);
      agent = gw.startAgent('gw');
      const status = await sees(gw, 'gw', (seen) => linkOf(seen)?.state === 'up');
      expect(linkOf(status)?.state).toBe('up');
      expect(shown(gw)).toBe(before);
      expect((await dc.status('dc'))?.routing.sessions[0]?.since).toEqual(began(since));
    });

    it('end the session at once when what carries the link ends, and have both again', async () => {
      const established = (await gw.status('gw'))?.routing.sessions[0]?.since;
      lose(gw);
      const isAnother = ({ routing }: RouterStatus) => !isSameTime(routing.sessions[0]?.since, established);
      // Before drivers look by themselves, which is four times a minute.
      expect(await sees(gw, 'gw', isAnother, 10_000)).toSatisfy(isAnother);
      await bothUp();
    });

    it('end the session as soon as the link is lost, long before its hold time', async () => {
      dc.must('ip', 'link', 'set', 'eth0', 'down');
      const lost = await sees(gw, 'gw', (status) => linkOf(status)?.state === 'down', 120_000);
      expect(linkOf(lost)).toMatchObject({ state: 'down', reason: expect.any(String) });
      const isOver = (status: RouterStatus) => !isEstablished(status);
      expect(await sees(gw, 'gw', isOver, 20_000)).toSatisfy(isOver);
      dc.must('ip', 'link', 'set', 'eth0', 'up');
      await bothUp();
    });

    it('end the session before they take the device away when the Attachment goes', async () => {
      expect(gw.causeway('delete', 'attachment', 'tunnel').code).toBe(0);
      expect(
        await eventually(
          () => shown(gw),
          (text) => text === '',
        ),
      ).toBe('');
      // A session that falls with its device is not told why: this one was.
      const reason = /attachment_tunnel\S+: Received: Peer de-configured/;
      const heard = () => readFileSync(join(dc.folder, 'run', 'dc', 'bird.log'), 'utf8');
      expect(await eventually(heard, (text) => reason.test(text))).toMatch(reason);
      expect((await sees(gw, 'gw', ({ links }) => links.length === 0))?.links).toEqual([]);
    });

    it('take all links away when the Router is deleted', async () => {
      expect(shown(dc)).not.toBe('');
      expect(dc.causeway('delete', 'attachment', 'tunnel').code).toBe(0);
      expect(dc.causeway('delete', 'router', 'dc').code).toBe(0);
      expect(
        await eventually(
          () => shown(dc),
          (text) => text === '',
        ),
      ).toBe('');
    });
  },
);

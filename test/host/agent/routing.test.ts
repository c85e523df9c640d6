/** What moves, and what stays as it is, when something changes around an agent that routes between two real peers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../lab/eventually.ts';
import { type Machine, openMachine } from './agent-machine.ts';
import { openPeer, type Peer } from './bgp-peer.ts';

const resources = ({ rejected = '10.60.99.0/24', label = 'a', note = '' } = {}) => `
# ${note}
apiVersion: causeway.dev/v1
kind: Router
metadata: { name: gw, labels: { x: ${label} } }
spec: { asNumber: 64520, routerID: 192.0.2.254, forwarding: { defaultAction: Allow } }
---
apiVersion: causeway.dev/v1
kind: Segment
metadata: { name: all }
spec: { exchangeWith: [all] }
---
apiVersion: causeway.dev/v1
kind: Site
metadata: { name: left }
spec: { type: vpc, prefixes: [10.50.0.0/16], segment: all }
---
apiVersion: causeway.dev/v1
kind: Site
metadata: { name: right }
spec: { type: vpc, prefixes: [10.60.0.0/16], segment: all }
---
apiVersion: causeway.dev/v1
kind: Attachment
metadata: { name: left }
spec:
  router: gw
  site: left
  link: { interface: { name: eth0 } }
  addresses: { local: [10.0.255.1/24], remote: [10.0.255.2] }
  bgp: { asNumber: 65001, bfd: 'off', gracefulRestart: 60s, exportFilters: [out], aggregate: [10.60.0.0/15] }
---
apiVersion: causeway.dev/v1
kind: Attachment
metadata: { name: right }
spec:
  router: gw
  site: right
  link: { interface: { name: eth1 } }
  addresses: { local: [10.1.255.1/24], remote: [10.1.255.2] }
  bgp: { asNumber: 65002, bfd: 'off', gracefulRestart: 60s, exportFilters: [out] }
---
apiVersion: projectcalico.org/v3
kind: BGPFilter
metadata: { name: out }
spec:
  exportV4:
    - { action: Reject, matchOperator: Equal, cidr: ${rejected} }
`;

const peerConfig = (as: number, remote: string, prefixes: readonly string[]) => `
protocol static own { ipv4; ${prefixes.map((prefix) => `route ${prefix} unreachable;`).join(' ')} }
protocol bgp hub {
  local as ${as};
  neighbor ${remote} as 64520;
  graceful restart on;
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 2;
  ipv4 { import all; export where source = RTS_STATIC; };
}
`;

describe('an agent between two peers', () => {
  let machine: Machine;
  let agent: ChildProcess;
  let left: Peer;
  let right: Peer;
  const birdFacts = (): string[] => {
    const text = machine.must('birdc', '-s', join(machine.folder, 'run/gw/bird.ctl'), 'show', 'status');
    return [/Last reboot on (.*)/, /Last reconfiguration on (.*)/].map((fact) => fact.exec(text)?.[1] ?? '');
  };
  const sessions = () => ({ left: left.since('hub'), right: right.since('hub') });
  const established = () =>
    machine.until('gw', ({ routing }) => routing.sessions.filter(({ state }) => state === 'Established').length === 2);
  const settled = async (): Promise<void> => {
    await established();
    expect(Object.values(sessions()), 'known to the second').not.toContain(undefined);
    await eventually(
      () => right.learned('hub'),
      (prefixes) => prefixes.length === 3,
    );
    await eventually(
      () => left.learned('hub'),
      (prefixes) => prefixes.join() === '10.60.0.0/15',
    );
  };
  const revisionReached = (revision: number) =>
    machine.until('gw', (status) => (status.routing.revision ?? 0) >= revision);
  const apply = async (yaml: string): Promise<void> => {
    const before = (await machine.status('gw'))?.store.revision ?? 0;
    machine.apply(yaml);
    await revisionReached(before + 1);
  };
  /** A thousand packets a second from left to right while `disturb` runs; how many of them were lost. */
  async function lostWhile(disturb: () => Promise<void> | void): Promise<{ sent: number; lost: number }> {
    const receiver = await right.stream('receive');
    const sender = await left.stream('send', '10.60.0.9', '10.50.0.9', '1000');
    await disturb();
    const { sent = 0 } = await sender.end();
    const { arrived = 0 } = await receiver.end();
    return { sent, lost: sent - arrived };
  }

  beforeAll(async () => {
    machine = openMachine('routing');
    left = await openPeer(machine, {
      link: 0,
      onLink: ['10.0.255.2/24'],
      hosts: ['10.50.0.9/32'],
      config: peerConfig(65001, '10.0.255.1', ['10.50.0.0/16', '10.50.7.0/24', '10.50.8.0/24']),
    });
    right = await openPeer(machine, {
      link: 1,
      onLink: ['10.1.255.2/24'],
      hosts: ['10.60.0.9/32'],
      config: peerConfig(65002, '10.1.255.1', ['10.60.0.0/16', '10.60.1.0/24']),
    });
    machine.apply(resources());
    agent = machine.startAgent('gw');
    await settled();
  });
  afterAll(() => {
    left?.close();
    right?.close();
    machine?.close();
  });

  it('announces an aggregate in the place of what lies inside', () => {
    expect(left.learned('hub')).toEqual(['10.60.0.0/15']);
    expect(right.learned('hub')).toEqual(['10.50.0.0/16', '10.50.7.0/24', '10.50.8.0/24']);
  });

  it('takes an aggregate back with the last route inside, and announces it again with the first; nothing else moves', async () => {
    const before = { sessions: sessions(), right: right.moved('hub') };
    right.ask('disable', 'own');
    expect(
      await eventually(
        () => left.learned('hub'),
        (prefixes) => prefixes.length === 0,
      ),
    ).toEqual([]);
    right.ask('enable', 'own');
    expect(
      await eventually(
        () => left.learned('hub'),
        (prefixes) => prefixes.length > 0,
      ),
    ).toEqual(['10.60.0.0/15']);
    expect({ sessions: sessions(), right: right.moved('hub') }).toEqual(before);
  });

  it('of equal resources reconfigures nothing: neither the kernel nor BIRD', async () => {
    const monitor = spawn('ip', ['netns', 'exec', machine.netns, 'nft', 'monitor'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let heard = '';
    monitor.stdout.on('data', (text) => {
      heard += String(text);
    });
    const before = { bird: birdFacts(), table: machine.table(), sessions: sessions() };
    machine.apply(resources());
    machine.apply(resources({ note: 'a comment' }));
    await apply(resources({ label: 'b' }));
    expect({ bird: birdFacts(), table: machine.table(), sessions: sessions() }).toEqual(before);
    expect(heard).toBe('');
    // The monitor would have heard: a rule that comes does.
    machine.must('nft', 'add', 'table', 'inet', 'other');
    expect(
      await eventually(
        () => heard,
        (text) => text !== '',
      ),
    ).toContain('other');
    monitor.kill('SIGKILL');
    machine.must('nft', 'delete', 'table', 'inet', 'other');
  });

  it('with an edited filter keeps its sessions, sends only what it concerns, and loses no packet', async () => {
    const before = { sessions: sessions(), left: left.moved('hub'), right: right.moved('hub') };
    const { sent, lost } = await lostWhile(async () => {
      await apply(resources({ rejected: '10.50.7.0/24' }));
      await eventually(
        () => right.learned('hub'),
        (prefixes) => prefixes.length === 2,
      );
    });
    expect(right.learned('hub')).toEqual(['10.50.0.0/16', '10.50.8.0/24']);
    const { updates, withdraws } = before.right;
    expect({ sessions: sessions(), left: left.moved('hub'), right: right.moved('hub') }).toEqual({
      ...before,
      right: { updates, withdraws: withdraws + 1 },
    });
    expect(sent).toBeGreaterThan(100);
    expect(lost).toBe(0);
    await apply(resources());
    await settled();
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'that is restarted after %s changes nothing and loses no packet',
    async (signal) => {
      const before = {
        bird: birdFacts(),
        pid: machine.birdPid('gw'),
        sessions: sessions(),
        left: left.moved('hub'),
      };
      const { sent, lost } = await lostWhile(async () => {
        agent.kill(signal);
        if (agent.exitCode === null && agent.signalCode === null) await once(agent, 'exit');
        agent = machine.startAgent('gw');
        await established();
      });
      expect(sent).toBeGreaterThan(100);
      expect(lost).toBe(0);
      expect({
        bird: birdFacts(),
        pid: machine.birdPid('gw'),
        sessions: sessions(),
        left: left.moved('hub'),
      }).toEqual(before);
    },
  );

  it.each([
    ['is killed', () => process.kill(machine.birdPid('gw') ?? 0, 'SIGKILL')],
    [
      'restarts gracefully',
      () => machine.must('birdc', '-s', join(machine.folder, 'run/gw/bird.ctl'), 'graceful', 'restart'),
    ],
  ])('loses no packet when BIRD %s, with peers that restart gracefully', async (_, end) => {
    await settled();
    const pid = machine.birdPid('gw');
    const { sent, lost } = await lostWhile(async () => {
      end();
      await eventually(
        () => machine.birdPid('gw'),
        (now) => now !== undefined && now !== pid,
      );
      await settled();
      await eventually(
        () => machine.must('birdc', '-s', join(machine.folder, 'run/gw/bird.ctl'), 'show', 'status'),
        (text) => !text.includes('recovery in progress'),
      );
    });
    expect(machine.birdPid('gw')).not.toBe(pid);
    expect(sent).toBeGreaterThan(100);
    expect(lost).toBe(0);
  });

  it('drains: peers hear GRACEFUL_SHUTDOWN, sessions stay, and it is said that packets still pass', async () => {
    const before = sessions();
    const { lost } = await lostWhile(() => {
      const ran = machine.causeway('drain', '--router', 'gw', '--wait', '3s', '--reason', 'a test', '-o', 'json');
      expect(ran).toMatchObject({ code: 1 });
      const view = JSON.parse(ran.stdout);
      expect(view).toMatchObject({ isDrained: true, isInForce: true, reason: 'a test' });
      expect(view.traffic.packetsPerSecond).toBeGreaterThan(100);
      expect(view.traffic.interfaces.map(({ name }: { name: string }) => name).sort()).toEqual(['eth0', 'eth1']);
    });
    expect(lost).toBe(0);
    const heard = await eventually(
      () => right.ask('show', 'route', 'all', '10.50.7.0/24'),
      (text) => text.includes('(65535,0)'),
    );
    expect(heard).toContain('(65535,0)');
    expect(sessions()).toEqual(before);
    expect(machine.causeway('drain', '--router', 'gw', '--wait', '20s')).toMatchObject({ code: 0 });
  });

  it('stays drained over a restart, and says since when', async () => {
    const { drain } = (await machine.status('gw')) ?? {};
    const before = birdFacts();
    agent.kill('SIGKILL');
    await once(agent, 'exit');
    agent = machine.startAgent('gw');
    const status = await machine.until('gw', (seen) => seen.drain.isInForce && seen.routing.sessions.length === 2);
    expect(status?.drain).toEqual(drain);
    expect(birdFacts()).toEqual(before);
    expect(machine.causeway('status', '--router', 'gw').stdout).toMatch(/Drained: +since .* \(a test\)/);
  });

  it('comes back into service without a session reset, and waits until it is', async () => {
    const before = sessions();
    expect(machine.causeway('undrain', '--router', 'gw')).toMatchObject({ code: 0 });
    const heard = await eventually(
      () => right.ask('show', 'route', 'all', '10.50.7.0/24'),
      (text) => !text.includes('(65535,0)'),
    );
    expect(heard).not.toContain('(65535,0)');
    expect(sessions()).toEqual(before);
    expect(existsSync(join(machine.folder, 'state/gw/drain.json'))).toBe(false);
  });
});

/** Two agents joined by a WireGuard tunnel with BGP inside: killed, cut apart, and taken away. */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../lab/eventually.ts';
import type { RouterStatus } from '../../../src/agent/status.ts';
import { type Machine, openMachine } from '../agent/agent-machine.ts';
import { strangersKey } from './wireguard-pair.ts';

/** One end: its router, AS, and the last byte of its addresses outside and inside. */
const ends = [
  { router: 'gw', as: 64_520, far: 64_521, last: 1, prefixes: '10.50.0.0/16', farPrefixes: '10.60.0.0/16' },
  { router: 'dc', as: 64_521, far: 64_520, last: 2, prefixes: '10.60.0.0/16', farPrefixes: '10.50.0.0/16' },
] as const;
type End = (typeof ends)[number];

/** The session would outlive the tunnel by its hold time, if nothing else ended it. */
const resources = ({ router, as, far, last, farPrefixes }: End, peerPublicKey: string) => `
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
  link: { wireguard: { interface: wg0, peerPublicKey: ${peerPublicKey}, endpoint: "10.0.255.${3 - last}:51820" } }
  addresses: { local: [169.254.10.${last}/30], remote: [169.254.10.${3 - last}] }
  bgp: { asNumber: ${far}, bfd: 'off', gracefulRestart: 'off', holdTime: 180s, keepaliveTime: 5s }
`;

describe('two agents and a tunnel between them', () => {
  const machines: Machine[] = [];
  let gw: Machine;
  let dc: Machine;
  let agent: ReturnType<Machine['startAgent']>;
  const linkOf = (status: RouterStatus | undefined) =>
    status?.links.find(({ interfaceName }) => interfaceName === 'wg0');
  const isEstablished = ({ routing }: RouterStatus): boolean =>
    routing.sessions.some(({ state }) => state === 'Established');
  const sees = (machine: Machine, router: string, match: (status: RouterStatus) => boolean, within = 20_000) =>
    eventually(
      () => machine.status(router),
      (status) => status !== undefined && match(status),
      { within },
    );
  const device = (machine: Machine): string => machine.run('ip', '-o', 'link', 'show', 'wg0').stdout;
  const apply = async (): Promise<void> => {
    const keys: string[] = [];
    for (const [i, end] of ends.entries()) {
      const status = await sees(machines[i] as Machine, end.router, (seen) => !!linkOf(seen)?.wireguard?.publicKey);
      keys.push(linkOf(status)?.wireguard?.publicKey ?? '');
    }
    for (const [i, end] of ends.entries()) machines[i]?.apply(resources(end, keys[1 - i] ?? ''));
  };
  const bothUp = async (): Promise<void> => {
    for (const [i, end] of ends.entries()) {
      const status = await sees(machines[i] as Machine, end.router, isEstablished, 40_000);
      expect(linkOf(status)).toMatchObject({ state: 'up', reason: null });
      expect(status && isEstablished(status)).toBe(true);
    }
  };

  beforeAll(async () => {
    for (const end of ends) machines.push(openMachine(end.router));
    [gw, dc] = machines as [Machine, Machine];
    dc.must('ip', 'link', 'del', 'eth0');
    gw.must('ip', 'link', 'set', 'far0', 'netns', dc.netns, 'name', 'wan0');
    dc.must('ip', 'addr', 'add', '10.0.255.2/24', 'dev', 'wan0');
    dc.must('ip', 'link', 'set', 'wan0', 'up');
    for (const [i, end] of ends.entries()) {
      machines[i]?.apply(resources(end, strangersKey));
      const started = machines[i]?.startAgent(end.router);
      if (i === 0 && started) agent = started;
    }
    await apply();
  });
  afterAll(() => {
    for (const machine of machines) machine.close();
  });

  it('have a session in the tunnel, and say by which driver, with the key that the other end needs', async () => {
    await bothUp();
    expect(linkOf(gw.status('gw'))).toMatchObject({
      attachment: 'tunnel',
      kind: 'wireguard',
      driver: expect.stringMatching(/^(kernel-wireguard|wireguard-go)$/),
      remotes: ['169.254.10.2'],
      wireguard: { publicKey: expect.stringMatching(/^.{43}=$/), endpoint: '10.0.255.2:51820' },
    });
    const table = gw.causeway('status', '--router', 'gw').stdout;
    expect(table).toMatch(/^Links: +1 of 1 up$/m);
    expect(table).toMatch(/^wg0 +tunnel +wireguard +\S+ +up +\d+ +peer 10\.0\.255\.2:51820; public key \S{44}$/m);
  });

  it('keep link and session while an agent is killed, and its successor changes neither', async () => {
    const before = device(gw);
    const since = dc.status('dc')?.routing.sessions[0]?.since;
    agent.kill('SIGKILL');
    await once(agent, 'close');
    expect(device(gw)).toBe(before);
    agent = gw.startAgent('gw');
    const status = await sees(gw, 'gw', (seen) => linkOf(seen)?.state === 'up');
    expect(linkOf(status)?.state).toBe('up');
    expect(device(gw)).toBe(before);
    expect(dc.status('dc')?.routing.sessions[0]?.since).toBe(since);
  });

  it('end the session at once when the device is lost, and have both again', async () => {
    const established = gw.status('gw')?.routing.sessions[0]?.since;
    gw.must('ip', 'link', 'del', 'wg0');
    const isAnother = ({ routing }: RouterStatus) => routing.sessions[0]?.since !== established;
    expect(await sees(gw, 'gw', isAnother, 5000)).toSatisfy(isAnother);
    await bothUp();
  });

  it('end the session as soon as the tunnel is lost, long before its hold time', async () => {
    dc.must('ip', 'link', 'set', 'wan0', 'down');
    const lost = await sees(gw, 'gw', (status) => linkOf(status)?.state === 'down', 60_000);
    expect(linkOf(lost)).toMatchObject({ state: 'down', reason: expect.any(String) });
    const isOver = (status: RouterStatus) => !isEstablished(status);
    expect(await sees(gw, 'gw', isOver, 3000)).toSatisfy(isOver);
    dc.must('ip', 'link', 'set', 'wan0', 'up');
    await bothUp();
  }, 150_000);

  it('end the session before they take the device away when the Attachment goes', async () => {
    expect(gw.causeway('delete', 'attachment', 'tunnel').code).toBe(0);
    expect(
      await eventually(
        () => device(gw),
        (text) => text === '',
        { within: 10_000 },
      ),
    ).toBe('');
    const isTold = ({ routing }: RouterStatus) =>
      /Cease|Administrative|de-configured/i.test(routing.sessions[0]?.lastError ?? '');
    expect(await sees(dc, 'dc', isTold, 5000)).toSatisfy(isTold);
    expect(gw.status('gw')?.links).toEqual([]);
  });

  it('take all links away when the Router is deleted', async () => {
    expect(device(dc)).not.toBe('');
    expect(dc.causeway('delete', 'attachment', 'tunnel').code).toBe(0);
    expect(dc.causeway('delete', 'router', 'dc').code).toBe(0);
    expect(
      await eventually(
        () => device(dc),
        (text) => text === '',
        { within: 10_000 },
      ),
    ).toBe('');
  });
});

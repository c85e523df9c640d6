/**
 * What is forwarded for a Site behind a tunnel that is down: real packets of a host behind a real agent's router, whose default
 * route leads to somebody who would answer for the Site.
 */
import { type ChildProcess, spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../lab/eventually.ts';
import { strangersKey } from '../links/wireguard-pair.ts';
import { type Machine, openMachine } from './agent-machine.ts';

const router = `
apiVersion: causeway.dev/v1
kind: Router
metadata: { name: gw }
spec: { asNumber: 64520, routerID: 192.0.2.1, forwarding: { defaultAction: Allow } }
---
apiVersion: causeway.dev/v1
kind: Site
metadata: { name: dc }
spec: { type: datacenter, prefixes: [10.9.0.0/16, "fd09::/32"] }
---
apiVersion: causeway.dev/v1
kind: Site
metadata: { name: beside }
spec: { type: vpc, prefixes: [10.9.1.0/24, "fd09:0:1::/48"] }
---`;

const tunnel = `
apiVersion: causeway.dev/v1
kind: Attachment
metadata: { name: vpn }
spec:
  router: gw
  site: dc
  link: { wireguard: { interface: wg0, peerPublicKey: ${strangersKey}, endpoint: "10.0.255.9:51820" } }
  addresses: { local: [169.254.6.1/30], remote: [169.254.6.2] }
  static: { prefixes: [10.9.0.0/16] }
`;

/** Who answers beyond the default route, of both families. */
const ofTheSite = ['10.9.0.9', 'fd09::9'];
const ofAnotherInside = ['10.9.1.9', 'fd09:0:1::9'];
const byItsOwnRoute = ['10.9.2.9', 'fd09:0:2::9'];
const elsewhere = ['10.8.0.9', 'fd08::9'];

describe('what is forwarded for a Site whose tunnel is down', () => {
  const netns = { internet: `cw-confine-i-${process.pid}`, spoke: `cw-confine-s-${process.pid}` };
  let machine: Machine;
  let agent: ChildProcess;

  /** One echo request: answered, or what was said instead. */
  function ping(address: string, ...launcher: string[]): string {
    const [program = '', ...args] = [...launcher, 'ping', '-c1', '-W2', address];
    const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    return / 1 received/.test(stdout) ? 'answered' : (/unreachable.*/i.exec(`${stdout}${stderr}`)?.[0] ?? 'nothing');
  }

  const forwarded = (addresses: readonly string[]) =>
    addresses.map((address) => ping(address, 'ip', 'netns', 'exec', netns.spoke));
  /** An answer of both families; the first ones may be lost while the links come up and neighbors are looked for. */
  async function expectAnswers(ask: () => readonly string[]): Promise<void> {
    expect(await eventually(ask, (said) => said.every((each) => each === 'answered'))).toEqual([
      'answered',
      'answered',
    ]);
  }
  const ofTheRouter = (addresses: readonly string[]) =>
    addresses.map((address) => ping(address, 'ip', 'netns', 'exec', machine.netns));
  /** What says so in the kernel, of both families. */
  const rules = (): string => ['-4', '-6'].map((family) => machine.must('ip', family, 'rule', 'show')).join('');
  const routes = (): string =>
    ['-4', '-6'].map((family) => machine.run('ip', family, 'route', 'show', 'table', '7301').stdout).join('');
  const confined = (prefixes: number) =>
    machine.until(
      'gw',
      ({ routing, policy, store }) => routing.confined === prefixes && policy.revision === store.revision,
    );

  beforeAll(async () => {
    machine = openMachine('confine');
    for (const [i, [name, namespace]] of Object.entries(netns).entries()) {
      const ip = (...argv: string[]): void => {
        const { stderr } = spawnSync('ip', ['-n', namespace, ...argv], { encoding: 'utf8' });
        expect(stderr).toBe('');
      };
      spawnSync('ip', ['netns', 'add', namespace]);
      machine.must('ip', 'link', 'set', `far${i}`, 'netns', namespace);
      machine.must('ip', 'addr', 'add', `fd0${i}::1/64`, 'dev', `eth${i}`, 'nodad');
      for (const device of ['lo', `far${i}`]) ip('link', 'set', device, 'up');
      ip('addr', 'add', `10.${i}.255.2/24`, 'dev', `far${i}`);
      ip('addr', 'add', `fd0${i}::2/64`, 'dev', `far${i}`, 'nodad');
      ip('route', 'add', 'default', 'via', `10.${i}.255.1`);
      ip('-6', 'route', 'add', 'default', 'via', `fd0${i}::1`);
      if (name !== 'internet') continue;
      for (const address of [...ofTheSite, ...ofAnotherInside, ...byItsOwnRoute, ...elsewhere]) {
        ip('addr', 'add', address, 'dev', 'lo', ...(address.includes(':') ? ['nodad'] : []));
      }
    }
    machine.must('ip', 'route', 'add', 'default', 'via', '10.0.255.2');
    machine.must('ip', '-6', 'route', 'add', 'default', 'via', 'fd00::2');
    machine.must('ip', 'route', 'add', '10.9.2.0/24', 'via', '10.0.255.2');
    machine.must('ip', '-6', 'route', 'add', 'fd09:0:2::/48', 'via', 'fd00::2');
    machine.apply(router);
    agent = machine.startAgent('gw');
    await machine.until('gw', ({ policy, routing }) => policy.inSync && routing.forwarding);
  }, 60_000);

  afterAll(() => {
    machine.close();
    for (const namespace of Object.values(netns)) spawnSync('ip', ['netns', 'del', namespace]);
  });

  it('went by the default route before there was a tunnel', async () => {
    await expectAnswers(() => forwarded(ofTheSite));
    expect(rules()).not.toContain('7301');
  });

  it('is refused, and the sender hears so', async () => {
    machine.apply(tunnel);
    await confined(2);
    await machine.until('gw', ({ links }) => links[0]?.state === 'down');
    // The route through the tunnel is there as soon as BIRD sees the device.
    const said = await eventually(
      () => forwarded(ofTheSite),
      (each) => !each.includes('answered'),
      { within: 20_000 },
    );
    expect(said).toEqual([expect.not.stringMatching('answered'), 'unreachable: No route']);
  });

  it.each([
    ['another Site inside, which is behind no tunnel', ofAnotherInside],
    ['what the host has a route of its own for', byItsOwnRoute],
    ['all else', elsewhere],
  ])('keeps nothing from %s', async (_what, addresses) => {
    await expectAnswers(() => forwarded(addresses));
  });

  it('is nothing to the router itself, whose own packets go as they did', async () => {
    await expectAnswers(() => ofTheRouter(ofTheSite));
  });

  it.each([
    ['10.9.0.9', '10.9.0.0/16'],
    ['fd09::9', 'fd09::/32'],
  ])('is explained: %s', (address, prefix) => {
    const source = address.includes(':') ? 'fd01::2' : '10.1.255.2';
    const packet = ['--in', 'eth1', '--src', source, '--dst', address, '--protocol', 'udp', '--dport', '53'];
    const { stdout } = machine.causeway('explain', 'packet', ...packet);
    expect(stdout).toContain(`no route to ${address} but a default one, which ${prefix} may not go by`);
  });

  it.each<[string, readonly string[]]>([
    ['the rule that refuses', ['ip', 'rule', 'delete', 'priority', '32765']],
    ['the rule that looks for other routes, of IPv6', ['ip', '-6', 'rule', 'delete', 'priority', '32764']],
    ['a route', ['ip', 'route', 'delete', 'unreachable', '10.9.0.0/16', 'table', '7301']],
    ['all routes, of IPv6', ['ip', '-6', 'route', 'flush', 'table', '7301']],
  ])('is refused again at once when somebody takes away %s', async (_what, [program = '', ...args]) => {
    const before = [rules(), routes()];
    const { repairs } = (await machine.status('gw')) ?? {};
    machine.must(program, ...args);
    const after = await eventually(
      () => [rules(), routes()],
      (seen) => seen.join() === before.join(),
      { within: 10_000 },
    );
    expect(after).toEqual(before);
    const told = await machine.until('gw', (status) => status.repairs.count > (repairs?.count ?? 0));
    expect(told?.repairs.last).toMatchObject({ subject: 'confinement' });
    expect(forwarded(ofTheSite)).not.toContain('answered');
  });

  it('is said to be open to somebody else while a stranger has a route in its table', async () => {
    machine.must('ip', 'route', 'add', '10.9.7.0/24', 'via', '10.0.255.2', 'table', '7301');
    machine.must('ip', 'rule', 'delete', 'priority', '32764');
    const told = await machine.until('gw', ({ lastError }) => lastError?.subject === 'confinement');
    expect(told?.lastError?.message).toContain('ip -4 route flush table 7301');
    machine.must('ip', 'route', 'delete', '10.9.7.0/24', 'table', '7301');
    await machine.until('gw', ({ lastError }) => lastError === null);
    expect(rules()).toContain('suppress_prefixlength 0');
  });

  it('of a Site inside that gets a tunnel too is refused from then on', async () => {
    machine.apply(
      tunnel
        .replaceAll('vpn', 'vpn2')
        .replace('site: dc', 'site: beside')
        .replaceAll('wg0', 'wg1, listenPort: 51821')
        .replaceAll('169.254.6', '169.254.7')
        .replace('10.9.0.0/16', '10.9.1.0/24'),
    );
    await confined(4);
    const said = await eventually(
      () => forwarded(ofAnotherInside),
      (each) => !each.includes('answered'),
      { within: 20_000 },
    );
    expect(said).not.toContain('answered');
    machine.causeway('delete', 'attachment', 'vpn2');
    await confined(2);
    await expectAnswers(() => forwarded(ofAnotherInside));
  });

  it('is refused while no agent runs, and what a killed one left goes when the Attachment is gone', async () => {
    agent.kill('SIGKILL');
    expect(forwarded(ofTheSite)).not.toContain('answered');
    machine.causeway('delete', 'attachment', 'vpn');
    machine.startAgent('gw');
    await machine.until(
      'gw',
      ({ agent, policy, store }) => agent.pid !== undefined && policy.revision === store.revision && policy.inSync,
    );
    const left = await eventually(
      () => `${rules()}${routes()}`,
      (seen) => !seen.includes('7301'),
      { within: 20_000 },
    );
    expect(left).not.toContain('7301');
    expect(left).not.toContain('32764');
    expect(routes()).toBe('');
    await expectAnswers(() => forwarded(ofTheSite));
  });
});

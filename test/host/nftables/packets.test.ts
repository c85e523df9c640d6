/**
 * Real packets through the places where the kernel has its own mind: marks between hooks, NAT, conntrack.
 *
 *   client 10.0.0.2 ── eth0 [router] eth1 ── 10.0.1.2 server
 *
 * Nobody listens: a connection that is let through is refused at once by the server, one that is dropped hangs.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PolicyIntent } from '../../../src/intent/policy/policy-intent.ts';
import { prefix } from '../../../src/net/literals.fixture.ts';
import { compileRuleset } from '../../../src/nftables/compile.ts';
import { printRuleset } from '../../../src/nftables/print.ts';
import { endpoint, policyIntent, rules, tier } from '../../../src/verdict/policy.fixture.ts';
import { openPrivateKernel, type PrivateKernel } from './private-kernel.ts';

let router: PrivateKernel;
let client: PrivateKernel;
let server: PrivateKernel;

beforeAll(async () => {
  [router, client, server] = await Promise.all([openPrivateKernel(), openPrivateKernel(), openPrivateKernel()]);
  const ip = async (kernel: PrivateKernel, words: string): Promise<void> => {
    expect(await kernel.run('ip', ...words.split(' ')), words).toBe(0);
  };
  for (const [i, far] of [client, server].entries()) {
    await ip(router, `link add eth${i} type veth peer name eth0 netns ${far.pid}`);
    await ip(router, `addr add 10.0.${i}.1/24 dev eth${i}`);
    await ip(router, `link set eth${i} up`);
    await ip(far, `addr add 10.0.${i}.2/24 dev eth0`);
    await ip(far, 'link set eth0 up');
    await ip(far, `route add default via 10.0.${i}.1`);
  }
  await ip(router, 'route add 10.99.0.0/24 via 10.0.0.2');
  expect(await router.run('sysctl', '-qw', 'net.ipv4.ip_forward=1')).toBe(0);
});

afterAll(() => {
  for (const kernel of [router, client, server]) kernel?.close();
});

type Fate = 'reached' | 'dropped';

/** What becomes of connections to these ports. One that shall be reached is waited for, however busy the machine. */
async function fates(from: PrivateKernel, address: string, expected: Readonly<Record<number, Fate>>): Promise<object> {
  const tried = Object.entries(expected).map(async ([port, fate]) => {
    const patience = fate === 'reached' ? '30' : '0.7';
    const code = await from.run('timeout', patience, 'bash', '-c', `exec 3<>/dev/tcp/${address}/${port}`);
    return [port, code === 124 ? 'dropped' : 'reached'] as const;
  });
  return Object.fromEntries(await Promise.all(tried));
}

async function expectFates(
  from: PrivateKernel,
  address: string,
  expected: Readonly<Record<number, Fate>>,
): Promise<void> {
  expect(await fates(from, address, expected)).toEqual(expected);
}

async function enforce(parts: Partial<PolicyIntent>): Promise<void> {
  await router.load(printRuleset(compileRuleset(policyIntent(parts))));
}

const toPort = (port: number) => ({
  protocol: 6,
  destination: { ports: { ranges: [{ first: port, last: port }], portSets: [] } },
});
const default_ = (...policies: readonly string[]) => [tier('default', 'Deny', ...policies)];

describe('a forwarded packet', () => {
  it('needs the inbound and the outbound interface', async () => {
    await enforce({
      forwardDefault: 'Deny',
      endpoints: [
        endpoint('in', ['eth0'], { forward: { ingress: default_('in') } }),
        endpoint('out', ['eth1'], { forward: { egress: default_('out') } }),
      ],
      policies: new Map([
        rules('in', 'default', {
          ingress: [
            ['Allow', toPort(80)],
            ['Allow', toPort(81)],
          ],
        }),
        rules('out', 'default', {
          egress: [
            ['Allow', toPort(80)],
            ['Allow', toPort(82)],
          ],
        }),
      ]),
    });
    await expectFates(client, '10.0.1.2', {
      80: 'reached',
      81: 'dropped',
      82: 'dropped',
      83: 'dropped',
    });
  });

  it('is dispatched by its address, and undecided goes on to the next rules and the next tier', async () => {
    const sets: Record<string, readonly string[]> = {
      's:host': ['10.0.0.2/32'],
      's:net': ['10.0.0.0/24'],
      's:wide': ['10.0.0.0/8', '192.0.2.1/32'],
      's:other': ['192.0.2.0/24'],
    };
    const from = (addressSet: string, port: number) => ({ ...toPort(port), source: { addressSet } });
    const tiers = [tier('early', 'Deny', 'first'), tier('default', 'Deny', 'second')];
    await enforce({
      forwardDefault: 'Deny',
      endpoints: [
        endpoint('in', ['eth0'], { forward: { ingress: tiers } }),
        endpoint('out', ['eth1'], { forward: { egress: default_('out') } }),
      ],
      policies: new Map([
        rules('first', 'early', {
          ingress: [
            ['Allow', from('s:host', 80)],
            ['Pass', from('s:net', 81)],
            ['Deny', from('s:wide', 82)],
            ['Allow', from('s:other', 83)],
            ['Pass', toPort(84)],
            ['Allow', toPort(82)],
          ],
        }),
        rules('second', 'default', { ingress: [80, 84].map((port) => ['Allow', toPort(port)] as const) }),
        rules('out', 'default', { egress: [['Allow']] }),
      ]),
      addressSets: new Map(
        Object.entries(sets).map(([id, texts]) => {
          return [id, { id, selector: id, members: new Map(texts.map((text) => [text, prefix(text)])) }];
        }),
      ),
    });
    await expectFates(client, '10.0.1.2', {
      80: 'reached', // by the early tier
      81: 'dropped', // passed on to a tier that does not allow it
      82: 'dropped', // before the Allow behind it
      83: 'dropped', // another address's rule
      84: 'reached', // no chain decided; a rule behind passed it on, and the next tier allowed it
    });
  });

  it('that preDNAT policy allowed still needs the outbound interface, and no more', async () => {
    await enforce({
      endpoints: [
        endpoint('in', ['eth0'], { preDNAT: { ingress: default_('early') }, forward: { ingress: default_('none') } }),
        endpoint('out', ['eth1'], { forward: { egress: default_('out') } }),
      ],
      policies: new Map([
        rules('early', 'default', {
          ingress: [
            ['Allow', toPort(80)],
            ['Allow', toPort(81)],
          ],
        }),
        rules('none', 'default', { ingress: [] }),
        rules('out', 'default', {
          egress: [
            ['Allow', toPort(80)],
            ['Allow', toPort(82)],
          ],
        }),
      ]),
    });
    await expectFates(client, '10.0.1.2', {
      80: 'reached',
      81: 'dropped',
      82: 'dropped',
    });
  });

  it('meets selector sets of hosts and of prefixes', async () => {
    const members = new Map(['10.0.0.2/32', '192.0.2.0/24'].map((text) => [text, prefix(text)]));
    const only = async (texts: readonly string[]): Promise<void> =>
      enforce({
        endpoints: [endpoint('in', ['eth0'], { forward: { ingress: default_('in') } })],
        policies: new Map([rules('in', 'default', { ingress: [['Allow', { source: { addressSet: 's:a' } }]] })]),
        addressSets: new Map([
          [
            's:a',
            { id: 's:a', selector: 'a', members: new Map([...members].filter(([text]) => texts.includes(text))) },
          ],
        ]),
      });
    await only(['10.0.0.2/32']);
    await expectFates(client, '10.0.1.2', { 80: 'reached' });
    await only(['192.0.2.0/24']);
    await expectFates(client, '10.0.1.2', { 80: 'dropped' });
    members.set('10.0.0.0/25', prefix('10.0.0.0/25'));
    await only(['10.0.0.0/25']);
    await expectFates(client, '10.0.1.2', { 80: 'reached' });
  });
});

describe('a packet of the router itself', () => {
  it('is judged by the interface it leaves by after its destination changed', async () => {
    await router.load(
      'table ip test-nat {\n  chain out {\n    type nat hook output priority -100\n    ip daddr 10.99.0.1 dnat to 10.0.1.2\n  }\n}\n',
    );
    await enforce({
      endpoints: [endpoint('out', ['eth1'], { normal: { egress: default_('out') } })],
      policies: new Map([rules('out', 'default', { egress: [['Allow', toPort(80)]] })]),
    });
    await expectFates(router, '10.99.0.1', {
      80: 'reached',
      81: 'dropped',
    });
    await enforce({
      endpoints: [endpoint('before', ['eth0'], { normal: { egress: default_('none') } })],
      policies: new Map([rules('none', 'default', { egress: [] })]),
    });
    await expectFates(router, '10.99.0.1', { 80: 'reached' });
    await expectFates(router, '10.99.0.2', { 80: 'dropped' });
  });

  it('that untracked policy allowed is asked nothing more', async () => {
    const reply = { protocol: 6, source: { ports: { ranges: [{ first: 80, last: 80 }], portSets: [] } } };
    const untracked = { egress: default_('request'), ingress: default_('reply') };
    await enforce({
      endpoints: [
        endpoint('out', ['eth1'], { untracked, normal: { ingress: default_('none'), egress: default_('none') } }),
      ],
      policies: new Map([
        rules('request', 'default', { egress: [['Allow', toPort(80)]] }),
        rules('reply', 'default', { ingress: [['Allow', reply]] }),
        rules('none', 'default', { ingress: [], egress: [] }),
      ]),
    });
    await expectFates(router, '10.0.1.2', {
      80: 'reached',
      81: 'dropped',
    });
  });
});

/** The way of outer packets in a real kernel: asked by mark, while the main table says otherwise. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createUnderlay } from '../../../src/edge/links/underlay.ts';
import type { WireguardLinkIntent } from '../../../src/intent/links/links-intent.ts';
import { endpointAt, wireguardLink } from '../../../src/intent/links/wireguard-link.fixture.ts';
import type { LinkDriver } from '../../../src/links/link-driver.ts';
import { type Address, parseAddress } from '../../../src/net/address.ts';
import { type Cable, eventually, layCable, requirePrograms } from '../bird/namespaces.ts';

const none = new Map<string, string>();
/** End b of the cable, and a peer behind it, of each family. */
const peers = {
  4: { gateway: '192.168.0.2', far: '203.0.113.1' },
  6: { gateway: 'fd00::2', far: '2001:db8::1' },
} as const;
const bothFamilies = [4, 6] as const;

let cable: Cable;

beforeEach(() => {
  requirePrograms();
  cable = layCable('underlay');
  // A device that stands for the tunnel, with all that BGP could learn through it.
  cable.run('a', 'ip', 'link', 'add', 'name', 'wg0', 'type', 'veth', 'peer', 'name', 'wg0-end');
  for (const device of ['wg0', 'wg0-end']) cable.run('a', 'ip', 'link', 'set', 'dev', device, 'up');
  for (const family of bothFamilies) {
    const ip = (...words: readonly string[]): void => void cable.run('a', 'ip', `-${family}`, 'route', 'add', ...words);
    ip('default', 'via', peers[family].gateway, 'dev', 'wire', 'metric', '50');
    ip(peers[family].far, 'dev', 'wg0', 'proto', 'bird');
    ip(peers[family].gateway, 'dev', 'wg0', 'proto', 'bird');
  }
});

afterEach(() => cable.remove());

function tunnel(family: 4 | 6, change: Parameters<typeof wireguardLink>[0] = {}): WireguardLinkIntent {
  const peer = { endpoint: endpointAt(peers[family].far, 51_820), ...change.peer };
  return wireguardLink({ attachment: 'spoke', ...change, peer });
}

/** A driver that makes nothing: only the way of its packets is looked at here. */
function tunnels(underlay = createUnderlay({ launcher: cable.at('a') })): LinkDriver<WireguardLinkIntent> {
  return underlay.carrying<WireguardLinkIntent>({
    ensure: async () => [],
    watch: () => ({ close: () => undefined }),
    leave: () => undefined,
  });
}

/** Device that the kernel sends a packet by; what it says where it sends none. */
function wayTo(to: string, mark: string): string {
  try {
    const text = cable.run('a', 'sh', '-c', `ip -json route get ${to} mark ${mark} 2>&1`);
    return (JSON.parse(text) as { dev: string }[])[0]?.dev ?? text;
  } catch (error) {
    return (error as { stdout: string }).stdout.trim();
  }
}

const state = (): string =>
  bothFamilies
    .map((family) => {
      const rules = cable.run('a', 'ip', `-${family}`, 'rule', 'show');
      return rules + cable.run('a', 'sh', '-c', `ip -${family} route show table 7300 2>/dev/null || true`);
    })
    .join('');

describe.each(bothFamilies)('an outer packet over IPv%i', (family) => {
  const { far, gateway } = peers[family];

  it("goes by the host's own route although BGP sends all else through the tunnel", async () => {
    await tunnels().ensure([tunnel(family)], none);
    expect(wayTo(far, '0x10000000')).toBe('wire');
    expect(wayTo(gateway, '0x10000000')).toBe('wire');
    expect(wayTo(far, '0')).toBe('wg0');
  });

  it('goes nowhere without such a route', async () => {
    cable.run('a', 'ip', `-${family}`, 'route', 'delete', 'default');
    await tunnels().ensure([tunnel(family)], none);
    expect(wayTo(far, '0x10000000')).toMatch(/No route to host|unreachable/);
  });

  it('goes over the Attachment that is named, and nowhere while that is away', async () => {
    const named = { attachment: 'dx', interfaceName: 'other', gateways: [] };
    const driver = tunnels();
    await driver.ensure([tunnel(family, { underlay: named })], none);
    expect(wayTo(far, '0x10000000')).toMatch(/No route to host|unreachable/);
    cable.run('a', 'ip', 'link', 'add', 'name', 'other', 'type', 'veth', 'peer', 'name', 'other-end');
    for (const device of ['other', 'other-end']) cable.run('a', 'ip', 'link', 'set', 'dev', device, 'up');
    await driver.ensure([tunnel(family, { underlay: named })], none);
    expect(wayTo(far, '0x10000000')).toBe('other');
  });
});

describe.each(bothFamilies)('an outer packet over IPv%i where the host has two ways', (family) => {
  it('goes the other way when the first one carries no more', async () => {
    const other = family === 4 ? ['10.9.0.1/24', '10.9.0.2'] : ['fd09::1/64', 'fd09::2'];
    cable.run('a', 'ip', 'link', 'add', 'name', 'second', 'type', 'veth', 'peer', 'name', 'second-end');
    for (const device of ['second', 'second-end']) cable.run('a', 'ip', 'link', 'set', 'dev', device, 'up');
    cable.run('a', 'ip', 'address', 'add', other[0] as string, 'dev', 'second', ...(family === 6 ? ['nodad'] : []));
    const hops = [
      ['nexthop', 'via', other[1] as string, 'dev', 'second'],
      ['nexthop', 'via', peers[family].gateway, 'dev', 'wire', 'onlink'],
    ];
    cable.run('a', 'ip', `-${family}`, 'route', 'delete', peers[family].gateway, 'proto', 'bird');
    cable.run('a', 'ip', `-${family}`, 'route', 'add', 'default', 'metric', '7', ...hops.flat());
    const driver = tunnels();
    const watching = driver.watch(() => undefined);
    await driver.ensure([tunnel(family)], none);
    const way = () => wayTo(peers[family].far, '0x10000000');
    expect(way()).toBe('second');
    cable.run('a', 'ip', 'link', 'set', 'dev', 'second-end', 'down');
    await eventually('it goes the other way', way, (device) => device === 'wire');
    watching.close();
  });
});

describe.each(bothFamilies)('an outer packet over IPv%i to a gateway of an Attachment', (family) => {
  const { far, gateway } = peers[family];
  const named = { attachment: 'dx', interfaceName: 'wire', gateways: [parseAddress(gateway) as Address] };

  it('goes there although BGP says that the gateway is inside the tunnel', async () => {
    await tunnels().ensure([tunnel(family, { underlay: named })], none);
    expect(wayTo(far, '0x10000000')).toBe('wire');
    expect(wayTo(gateway, '0x10000000')).toBe('wire');
  });

  it('that is the peer itself goes there', async () => {
    const peer = { ...tunnel(family).peer, endpoint: endpointAt(gateway, 51_820) };
    await tunnels().ensure([tunnel(family, { underlay: named, peer })], none);
    expect(wayTo(gateway, '0x10000000')).toBe('wire');
  });
});

describe('the table of outer packets', () => {
  it.each([
    ['a rule', 'rule', 'del', 'priority', '7300'],
    ['a route', 'route', 'flush', 'table', '7300'],
  ])('has back at once what somebody took away: %s', async (_what, ...command) => {
    const driver = tunnels();
    const watching = driver.watch(() => undefined);
    await driver.ensure([tunnel(4), tunnel(6, { interfaceName: 'wg1' })], none);
    const before = state();
    // More than once: a device that just came up may be what it heard of.
    for (const turn of [1, 2, 3, 4, 5]) {
      cable.run('a', 'ip', '-6', ...command);
      expect(state()).not.toBe(before);
      await eventually(`it is back, ${turn}`, state, (now) => now === before);
    }
    watching.close();
  });

  it('is not used while somebody else has routes in it', async () => {
    cable.run('a', 'ip', 'route', 'add', peers[4].far, 'dev', 'wg0', 'table', '7300');
    await expect(tunnels().ensure([tunnel(4)], none)).rejects.toThrow(
      /^route table 7300 has routes of somebody else's/,
    );
    cable.run('a', 'ip', 'route', 'flush', 'table', '7300');
    await tunnels().ensure([tunnel(4)], none);
    expect(wayTo(peers[4].far, '0x10000000')).toBe('wire');
  });

  it("follows the host's own routes", async () => {
    const driver = tunnels();
    await driver.ensure([tunnel(4)], none);
    const watching = driver.watch(() => undefined);
    cable.run('a', 'ip', 'route', 'delete', 'default');
    await eventually(
      'the copy is gone',
      () => wayTo(peers[4].far, '0x10000000'),
      (way) => way !== 'wire',
    );
    cable.run('a', 'ip', 'route', 'add', 'default', 'via', peers[4].gateway, 'dev', 'wire');
    await eventually(
      'it is back',
      () => wayTo(peers[4].far, '0x10000000'),
      (way) => way === 'wire',
    );
    watching.close();
  });

  it('is left as it is by a second look, and by a successor that has not been asked for all kinds', async () => {
    const driver = tunnels();
    await driver.ensure([tunnel(4)], none);
    const before = state();
    await driver.ensure([tunnel(4)], none);
    expect(state()).toBe(before);
    const successor = createUnderlay({ launcher: cable.at('a') });
    const [ipsec] = [tunnels(successor), tunnels(successor)];
    await ipsec?.ensure([], none);
    expect(state()).toBe(before);
  });

  it('goes with the last tunnel, and its rule with it', async () => {
    const before = state();
    const driver = tunnels();
    await driver.ensure([tunnel(4), tunnel(6, { interfaceName: 'wg1' })], none);
    expect(state()).not.toBe(before);
    await driver.ensure([], none);
    expect(state()).toBe(before);
  });
});

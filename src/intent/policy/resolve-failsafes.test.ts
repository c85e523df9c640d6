import { describe, expect, it } from 'vitest';
import { address } from '../../net/literals.fixture.ts';
import { printPrefix } from '../../net/prefix.ts';
import { resource } from '../../resources/resource.fixture.ts';
import type { Resource, SpecByKind } from '../../resources/resource.ts';
import { makeSnapshot } from '../../resources/snapshot.ts';
import { codes, node, resolve, router } from './policy.fixture.ts';
import type { PolicyIntent } from './policy-intent.ts';
import { type ControlPeers, resolveFailsafes } from './resolve-failsafes.ts';
import { resolveFelix } from './resolve-felix.ts';

describe('settings', () => {
  const failsafes = (intent: Pick<PolicyIntent, 'failsafes'>, direction: 'inbound' | 'outbound') =>
    intent.failsafes[direction].map(({ protocol, port, net, interfaces }) =>
      [`${protocol}/${port}`, net && printPrefix(net), interfaces?.join('+')].filter(Boolean).join(' '),
    );
  const felix = (name: string, spec: SpecByKind['FelixConfiguration']) => resource('FelixConfiguration', name, spec);

  it('of a Node alone are Calico’s', () => {
    const { policy: intent } = resolve([node]);
    expect(intent).toMatchObject({
      forwardDefault: 'Allow',
      exemptsLoopback: false,
      exemptsNeighborDiscovery: false,
      dropsInvalid: true,
      denyVerdict: 'drop',
      logPrefix: 'calico-packet',
    });
    expect(failsafes(intent, 'inbound').join(' ')).toBe('6/22 6/179 6/2379 6/2380 6/5473 6/6443 6/6666 6/6667 17/68');
    expect(failsafes(intent, 'outbound').join(' ')).toBe('6/179 6/2379 6/2380 6/5473 6/6443 6/6666 6/6667 17/53 17/67');
  });

  it('of a Router are narrower: BGP to its peers, ssh as management says', () => {
    const managed = resource('Router', 'r1', {
      asNumber: 1,
      forwarding: { defaultAction: 'Allow' },
      management: { interfaces: ['mgmt0'], allowFrom: ['10.99.0.0/16', 'fd99::/16'] },
    });
    const { policy: intent } = resolve([managed, node]);
    expect(intent).toMatchObject({ forwardDefault: 'Allow', exemptsLoopback: true, exemptsNeighborDiscovery: true });
    expect(failsafes(intent, 'inbound')).toEqual([
      '17/68',
      '6/179 192.0.2.9/32',
      '6/22 10.99.0.0/16 mgmt0',
      '6/179 2001:db8::9/128',
      '6/22 fd99::/16 mgmt0',
    ]);
    expect(failsafes(intent, 'outbound')).toContain('6/1790 2001:db8::9/128');
    expect(failsafes(resolve([router]).policy, 'inbound')[0]).toBe('6/22');
    expect(resolve([router]).policy.forwardDefault).toBe('Deny');
  });

  it.each([
    ['nobody for an empty allowFrom', { allowFrom: [] }, ['17/68', '6/179 192.0.2.9/32', '6/179 2001:db8::9/128']],
    ['nowhere for empty interfaces', { interfaces: [] }, ['17/68', '6/179 192.0.2.9/32', '6/179 2001:db8::9/128']],
  ])('ssh: %s', (_title, management, expected) => {
    expect(failsafes(resolve([resource('Router', 'r1', { asNumber: 1, management })]).policy, 'inbound')).toEqual(
      expected,
    );
  });

  it('of a Router let BFD and shared connection state through, to and from who speaks them', () => {
    const peers = {
      listenPort: 179,
      peers: [],
      bfd: [
        { address: address('192.0.2.9'), port: 3784 },
        { address: address('2001:db8::9'), port: 4784 },
      ],
      stateSync: { interfaceName: 'sync0', port: 3780, peers: [address('198.51.100.2')] },
    } as const;
    const settings = resolveFelix(makeSnapshot([]), 'r1', {}, []);
    const resolved = { failsafes: resolveFailsafes(settings, router as Resource<'Router'>, peers, []) };
    for (const direction of ['inbound', 'outbound'] as const) {
      expect(failsafes(resolved, direction)).toEqual(
        expect.arrayContaining(['17/3780 198.51.100.2/32 sync0', '17/3784 192.0.2.9/32', '17/4784 2001:db8::9/128']),
      );
    }
  });

  it('of a Router let BGP and BFD of a link that we make in by its device alone', () => {
    const end = { address: address('169.254.9.1'), attachment: 'vpn', interfaceName: 'vpn-1' };
    const peers: ControlPeers = { listenPort: 179, peers: [{ ...end, port: 179 }], bfd: [{ ...end, port: 3784 }] };
    const settings = resolveFelix(makeSnapshot([]), 'r1', {}, []);
    const resolved = resolveFailsafes(settings, router as Resource<'Router'>, peers, []);
    expect(failsafes({ failsafes: resolved }, 'inbound').slice(-2)).toEqual([
      '6/179 169.254.9.1/32 vpn-1',
      '17/3784 169.254.9.1/32 vpn-1',
    ]);
    expect(resolved.inbound.at(-1)?.purposes).toEqual([{ what: 'BFD', attachment: 'vpn' }]);
  });

  it('configured failsafes replace the list; a Router adds only the ssh its management asks for', () => {
    const ports = felix('default', {
      failsafeInboundHostPorts: [
        { port: 8443 },
        { protocol: 'sctp', port: 1, net: '10.0.0.0/8' },
        { protocol: 'ICMP', port: 1 },
      ],
    });
    const managed = resource('Router', 'r1', { asNumber: 1, management: { allowFrom: ['10.99.0.1'] } });
    expect(failsafes(resolve([router, ports]).policy, 'inbound')).toEqual(['6/8443', '132/1 10.0.0.0/8']);
    expect(failsafes(resolve([managed, ports]).policy, 'inbound')).toEqual([
      '6/8443',
      '6/22 10.99.0.1/32',
      '132/1 10.0.0.0/8',
    ]);
    expect(failsafes(resolve([node, felix('default', { failsafeInboundHostPorts: [] })]).policy, 'inbound')).toEqual(
      [],
    );
    expect(codes(resolve([router, ports]).warnings)).toEqual(['failsafe-unlike-calico', 'invalid-failsafe']);
  });

  it('of FelixConfiguration: the node’s own, then a matching selector’s, then the default, field by field', () => {
    const labelled = resource('Node', 'r1', {}, { rack: '1' });
    const { policy: intent } = resolve([
      labelled,
      felix('default', { logPrefix: 'd', disableConntrackInvalidCheck: true, nftablesFilterDenyAction: 'Reject' }),
      felix('b-scoped', { nodeSelector: 'rack == "1"', logPrefix: 's', disableConntrackInvalidCheck: false }),
      felix('other', { nodeSelector: 'rack == "2"', logPrefix: 'x' }),
      felix('node.r1', { logPrefix: 'n' }),
      felix('node.r2', { logPrefix: 'y' }),
    ]);
    expect(intent).toMatchObject({ logPrefix: 'n', dropsInvalid: true, denyVerdict: 'reject' });
  });
});

import { expect, it } from 'vitest';
import type { Failsafe, FailsafePurpose } from '../intent/policy/policy-intent.ts';
import { prefix } from '../net/literals.fixture.ts';
import { failsafesView } from './failsafes-view.ts';

const of = (what: FailsafePurpose['what'], attachment: string) => ({ purposes: [{ what, attachment }] });
const peer = { net: prefix('192.0.2.1/32') };
const dns: Failsafe = { protocol: 17, port: 53 };
const ssh: Failsafe = { protocol: 6, port: 22, interfaces: ['mgmt0'], purposes: [{ what: 'ssh' }] };
const dhcp: Failsafe = { protocol: 17, port: 68, purposes: [{ what: 'DHCP' }] };

it('shows what is open, to whom and why, each peer once', () => {
  const view = failsafesView({
    inbound: [
      dhcp,
      ssh,
      { protocol: 50, ...peer, ...of('ESP', 'vpn') },
      { protocol: 17, port: 500, ...peer, ...of('IKE', 'vpn') },
      { protocol: 17, port: 4500, ...peer, ...of('IKE', 'vpn') },
    ],
    outbound: [
      dns,
      dhcp,
      { protocol: 58, icmp: 'echo', net: prefix('fd00::1/128'), interfaces: ['vpn'], ...of('doctor', 'vpn') },
    ],
  });
  const lines = view.map(({ list, opens, remote, interfaces, why }) =>
    [list, opens.join('+'), remote ?? 'anybody', interfaces?.join('+') ?? 'everywhere', why || 'settings'].join(' '),
  );
  expect(lines).toEqual([
    'inbound udp/68 anybody everywhere DHCP',
    'inbound tcp/22 anybody mgmt0 ssh',
    'inbound 50+udp/500+udp/4500 192.0.2.1/32 everywhere ESP of Attachment vpn, IKE of Attachment vpn',
    'outbound udp/53 anybody everywhere settings',
    'outbound udp/68 anybody everywhere DHCP',
    'outbound icmpv6 echo requests fd00::1/128 vpn doctor of Attachment vpn',
  ]);
});

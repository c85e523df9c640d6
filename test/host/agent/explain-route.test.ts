/** `explain route --peer`, `routes` and `limits` beside what two real peers send and receive. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../lab/eventually.ts';
import { type Machine, openMachine } from './agent-machine.ts';
import { openPeer, type Peer } from './bgp-peer.ts';

const attachment = (name: string, link: number, as: number, more: string) => `---
apiVersion: causeway.dev/v1
kind: Site
metadata: { name: ${name}-site }
spec: { type: vpc, prefixes: [10.${50 + 10 * link}.0.0/16], segment: all }
---
apiVersion: causeway.dev/v1
kind: Attachment
metadata: { name: ${name} }
spec:
  router: gw
  site: ${name}-site
  link: { interface: { name: eth${link} } }
  addresses: { local: [10.${link}.255.1/24], remote: [10.${link}.255.2] }
  bgp: { asNumber: ${as}, bfd: 'off', ${more} }
`;

const resources = `
apiVersion: causeway.dev/v1
kind: Router
metadata: { name: gw }
spec: { asNumber: 64520, routerID: 192.0.2.254, forwarding: { defaultAction: Allow } }
---
apiVersion: causeway.dev/v1
kind: Segment
metadata: { name: all }
spec: { exchangeWith: [all] }
${attachment('left', 0, 65001, '')}${attachment('right', 1, 65002, 'exportFilters: [out], maxPrefixes: { export: { ipv4: { limit: 1, action: block } } }')}---
apiVersion: projectcalico.org/v3
kind: BGPFilter
metadata: { name: out }
spec:
  exportV4:
    - { action: Reject, matchOperator: Equal, cidr: 10.50.66.0/24 }
`;

const peerConfig = (as: number, remote: string, routes: string) => `
protocol static own { ipv4; ${routes} }
protocol bgp hub {
  local as ${as};
  neighbor ${remote} as 64520;
  connect delay time 1;
  connect retry time 1;
  ipv4 { import all; export where source = RTS_STATIC; };
}
`;

describe('explain route', () => {
  let machine: Machine;
  let left: Peer;
  let right: Peer;
  const ask = (...words: string[]) => {
    const ran = machine.causeway(...words, '--router', 'gw', '-o', 'json');
    expect(ran, ran.stderr).toMatchObject({ code: 0 });
    return JSON.parse(ran.stdout);
  };
  const lastStep = (prefix: string, peer: string) => ask('explain', 'route', prefix, '--peer', peer).peer.steps.at(-1);

  beforeAll(async () => {
    machine = openMachine('explain');
    const routes = [
      'route 10.50.1.0/24 unreachable;',
      'route 10.50.2.0/24 unreachable;',
      'route 10.50.66.0/24 unreachable;',
      'route 10.50.67.0/24 unreachable { bgp_community.add((65535,65281)); };',
      'route 10.99.0.0/16 unreachable;',
    ];
    left = await openPeer(machine, {
      link: 0,
      onLink: ['10.0.255.2/24'],
      hosts: [],
      config: peerConfig(65001, '10.0.255.1', routes.join(' ')),
    });
    right = await openPeer(machine, {
      link: 1,
      onLink: ['10.1.255.2/24'],
      hosts: [],
      config: peerConfig(65002, '10.1.255.1', ''),
    });
    machine.apply(resources);
    machine.startAgent('gw');
    await eventually(
      () => right.learned('hub'),
      (prefixes) => prefixes.length === 1,
    );
  });
  afterAll(() => {
    left?.close();
    right?.close();
    machine?.close();
  });

  it.each([
    ['10.50.66.0/24', 'export', /exportV4\[0\] of BGPFilter\/out/],
    ['10.50.67.0/24', 'community', /no-export/],
    ['10.99.0.0/16', 'known', /refused: no Site at this end declares the prefix/],
    ['10.98.0.0/16', 'known', /no peer announces/],
  ])('names what keeps %s from a peer: %s', (prefix, step, sentence) => {
    expect(lastStep(prefix, 'right-site')).toEqual({ step, passes: false, sentence: expect.stringMatching(sentence) });
    expect(right.learned('hub')).not.toContain(prefix);
  });

  it('says of each prefix below a limit that blocks what the peer got', () => {
    const told = right.learned('hub');
    expect(told).toHaveLength(1);
    for (const prefix of ['10.50.1.0/24', '10.50.2.0/24']) {
      const isTold = told.includes(prefix);
      expect(lastStep(prefix, 'right')).toMatchObject({ step: isTold ? 'told' : 'limit', passes: isTold });
    }
    const shown: { prefix: string }[] = ask('routes', '--exported-to', 'right');
    expect(shown.map(({ prefix }) => prefix)).toEqual(told);
    expect(ask('limits')).toMatchObject([{ direction: 'export', count: 1, limit: 1, headRoom: 0, state: 'exceeded' }]);
  });

  it('says that a prefix is not told to where it came from', () => {
    expect(lastStep('10.50.1.0/24', '10.0.255.2')).toMatchObject({ step: 'own', passes: false });
  });

  it('refuses what cannot be asked', () => {
    expect(machine.causeway('explain', 'route', 'nonsense', '--router', 'gw').code).toBe(64);
    expect(machine.causeway('routes', '--longer', '--router', 'gw').code).toBe(64);
    const wrong = machine.causeway('explain', 'route', '10.50.1.0/24', '--peer', 'nobody', '--router', 'gw');
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no peer nobody') });
  });
});

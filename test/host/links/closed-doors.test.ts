/** Real tunnels between two routers whose policy denies everything on the cable, both ways and before anything else is asked. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { compileRuleset } from '../../../src/nftables/compile.ts';
import { printRuleset } from '../../../src/nftables/print.ts';
import type { Manifest } from '../../properties/naive/manifest.ts';
import { calico, readPolicy } from '../policy/verdict-table.ts';
import { isUp, layIpsecPair, tunnelOf } from './ipsec-pair.ts';
import { joinByWireguard, requireWireguard } from './wireguard-pair.ts';

type End = 'a' | 'b';
type Run = (end: End, ...command: readonly string[]) => string;

const causeway = (kind: string, name: string, spec: object): Manifest => ({
  apiVersion: 'causeway.dev/v1',
  kind,
  metadata: { name },
  spec: spec as Manifest['spec'],
});

/** The outside address of each end's peer. */
const peers = { a: '192.168.0.2', b: '192.168.0.1' } as const;
const nothing = { selector: 'all()', ingress: [{ action: 'Deny' }], egress: [{ action: 'Deny' }] };

/** No neighbor, no ssh client and no tunnel may speak, but for what the link itself asks for. */
function closedBut(link: object): string {
  const manifests = [
    causeway('Router', 'r1', { asNumber: 64_520 }),
    calico('HostEndpoint', 'cable', { node: 'r1', interfaceName: 'wire' }),
    calico('GlobalNetworkPolicy', 'nothing', { ...nothing, types: ['Ingress', 'Egress'] }),
    calico('GlobalNetworkPolicy', 'nothing-tracked', { ...nothing, doNotTrack: true, applyOnForward: true }),
    causeway('Site', 'peer', { type: 'other', prefixes: ['10.10.0.0/16'] }),
    causeway('Attachment', 'tunnel', { router: 'r1', site: 'peer', link, static: { prefixes: ['10.10.0.0/16'] } }),
  ];
  return printRuleset(compileRuleset(readPolicy(manifests)));
}

function close(run: Run, dir: string, linkOf: (end: End) => object): void {
  for (const end of ['a', 'b'] as const) {
    const file = join(dir, `${end}.nft`);
    writeFileSync(file, closedBut(linkOf(end)));
    run(end, 'nft', '-f', file);
  }
}

/** Whether there is an answer in so many seconds. */
const isAnswered = (command: readonly string[], seconds: number): boolean => {
  const [program = '', ...args] = [...command, 'ping', '-c', '1', '-W', `${seconds}`, peers.a];
  return spawnSync(program, args).status === 0;
};

/** How many packets an end let in or out for this. */
function countOf(listing: string, comment: string): number {
  const counters = listing.matchAll(/counter packets (\d+) bytes \d+ comment "([^"]*)"/g);
  return [...counters].reduce((sum, [, packets, name]) => sum + (name === comment ? Number(packets) : 0), 0);
}

it('IPsec comes up, and the ruleset tells whose packets it let in', async () => {
  const pair = layIpsecPair('shut');
  try {
    const { run, dir, at } = pair.cable;
    expect(isAnswered(at('a'), 10)).toBe(true);
    close(run, dir, (end) => ({
      ipsec: {
        psk: { secretRef: { name: 'vpn', key: 'psk' } },
        tunnels: [{ remoteAddress: peers[end], interface: 'vpn1' }],
      },
    }));
    expect(isAnswered(at('a'), 1)).toBe(false);
    await pair.join([tunnelOf('a')], [tunnelOf('b')]);
    const reports = await pair.driver('b').ensure([tunnelOf('b')], pair.secrets.b);
    expect(reports.every(isUp)).toBe(true);
    const listing = run('b', 'nft', 'list', 'table', 'inet', 'causeway');
    expect(countOf(listing, 'failsafe inbound: IKE of Attachment tunnel')).toBeGreaterThan(0);
  } finally {
    await pair.remove();
  }
});

it('WireGuard comes up, and the ruleset tells whose packets it let in', async () => {
  requireWireguard();
  const pair = await joinByWireguard('shut');
  try {
    close(pair.run, pair.dir, (end) => ({
      wireguard: {
        listenPort: 51_820,
        endpoint: `${peers[end]}:51820`,
        interface: 'wg0',
        peerPublicKey: 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=',
      },
    }));
    await pair.ensure('b');
    for (const end of ['a', 'b'] as const) await pair.untilUp(end);
    const listing = pair.run('b', 'nft', 'list', 'table', 'inet', 'causeway');
    expect(countOf(listing, 'failsafe inbound: WireGuard of Attachment tunnel')).toBeGreaterThan(0);
  } finally {
    await pair.remove();
  }
});

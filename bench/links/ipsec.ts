/**
 * One IPsec tunnel, by our driver and by hand with strongSwan's own tools: the same suite, ESP in user space.
 *
 *   Pair ─[ipsecByDriver | ipsecByHand]→ a tunnel between the inside addresses
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { createIpsecDriver } from '../../src/edge/links/ipsec.ts';
import type { IpsecTunnelIntent } from '../../src/intent/links/links-intent.ts';
import type { LinkDriverName } from '../../src/links/link-report.ts';
import { markBits } from '../../src/nftables/marks.ts';
import { ipsecDefaults } from '../../src/resources/tunnel-defaults.ts';
import { runBatch, runIn } from '../kernel/sandbox.ts';
import { mustParseAddress, mustParseCidr } from './addresses.ts';
import { insideLength, launcherOf, type Machine, type Pair, startOn } from './pair.ts';
import { untilUp } from './until-up.ts';

/** What kernel-libipsec gives its device, and no more. */
const mtu = 1400;
const device = 'ipsec0';
const mark = '0x42';
const patienceMs = 20_000;

export function ipsecByDriver({ a, b }: Pair): Promise<LinkDriverName> {
  const secrets = new Map([['bench/psk', makeKey()]]);
  const end = (machine: Machine, initiates: boolean) => ({
    driver: createIpsecDriver({
      router: machine.namespace,
      dir: `/run/bench/${machine.namespace}`,
      outerMark: markBits.outer,
      launcher: launcherOf(machine),
    }),
    link: describeTunnel(machine, initiates),
    secrets,
  });
  return untilUp([end(b, false), end(a, true)]);
}

export async function ipsecByHand({ a, b }: Pair): Promise<void> {
  const key = makeKey();
  for (const machine of [b, a]) await startCharon(machine, key);
  runIn(a.namespace, 'swanctl', ['--initiate', '--child', 'bench', '--uri', socketOf(a)]);
}

async function startCharon(machine: Machine, key: string): Promise<void> {
  const folder = folderOf(machine);
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/strongswan.conf`, writeSettings(machine));
  writeFileSync(`${folder}/swanctl.conf`, writeConnection(machine, key), { mode: 0o600 });
  // In a session of its own, as whatever systemd starts: processes of one session share their part of the processors.
  startOn(machine, ['setsid', '/usr/sbin/charon-systemd'], { STRONGSWAN_CONF: `${folder}/strongswan.conf` });
  const deadline = performance.now() + patienceMs;
  while (!existsSync(`${folder}/vici`)) {
    if (performance.now() > deadline) throw new Error(`charon by hand does not answer in ${machine.namespace}`);
    await pause(50);
  }
  runIn(machine.namespace, 'swanctl', ['--load-all', '--uri', socketOf(machine), '--file', `${folder}/swanctl.conf`]);
  runBatch(machine.namespace, [`address add ${machine.inside}/${insideLength} dev ${device}`, `link set ${device} up`]);
}

const folderOf = ({ namespace }: Machine) => `/run/${namespace}`;
const socketOf = (machine: Machine) => `unix://${folderOf(machine)}/vici`;

function writeSettings(machine: Machine): string {
  return `charon-systemd {
  load_modular = no
  load = aesni random nonce openssl pem pkcs1 pkcs8 x509 revocation constraints pubkey kdf hmac sha1 sha2 aes gcm vici kernel-libipsec kernel-netlink socket-default
  routing_table = 220
  routing_table_prio = 40000
  install_virtual_ip = no
  plugins {
    vici { socket = ${socketOf(machine)} }
    socket-default { fwmark = ${mark} }
    kernel-netlink { fwmark = !${mark} }
    kernel-libipsec { allow_peer_ts = yes }
  }
}
`;
}

function writeConnection({ outside, peerOutside }: Machine, key: string): string {
  return `connections {
  bench {
    version = 2
    local_addrs = ${outside}
    remote_addrs = ${peerOutside}
    encap = yes
    proposals = ${ipsecDefaults.ikeProposals[0]}
    local { auth = psk }
    remote { auth = psk }
    children {
      bench {
        local_ts = 0.0.0.0/0
        remote_ts = 0.0.0.0/0
        esp_proposals = ${ipsecDefaults.espProposals[0]}
      }
    }
  }
}
secrets {
  ike-bench { secret = "${key}" }
}
`;
}

function makeKey(): string {
  return randomBytes(16).toString('hex');
}

function describeTunnel(machine: Machine, initiates: boolean): IpsecTunnelIntent {
  return {
    ...ipsecDefaults,
    kind: 'ipsec',
    attachment: 'bench',
    interfaceName: 'bench',
    addresses: [mustParseCidr(`${machine.inside}/${insideLength}`)],
    remotes: [mustParseAddress(machine.peerInside)],
    mtu,
    mssClamp: undefined,
    underlay: undefined,
    localAddress: mustParseAddress(machine.outside),
    remoteAddress: mustParseAddress(machine.peerOutside),
    localId: undefined,
    remoteId: undefined,
    authentication: { kind: 'psk', secret: { name: 'bench', key: 'psk' } },
    initiates,
    encapsulates: 'auto',
    localPort: undefined,
    remotePort: undefined,
    ifId: 1,
  };
}

/**
 * One end of an IPsec tunnel that is not ours: strongSwan's charon, with ESP in user space, so that it works on every kernel.
 *
 *   charon ─ its TUN device, moved to the node where the tunnel comes out
 *
 * A cloud gives each tunnel an address of its own and the ports 500 and 4500 on it: so each has a namespace of its own here.
 * Invariant: the pre-shared key stands in a file that root alone reads, and in no command line.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { LabFailure, mustRun, readLog, run, start } from '../sandbox/run.ts';
import { pathInside } from '../sandbox/sandbox.ts';
import { secretFile } from '../sandbox/secrets.ts';
import type { NodeType } from './node.ts';
import { endSystem } from './sysctls.ts';

const socket = (node: string) => `unix:///run/lab/${node}.vici`;
const settings = (node: string) => `/run/lab/${node}.strongswan.conf`;
const connections = (node: string) => `/run/lab/${node}.swanctl.conf`;

/** What charon calls the first TUN device of a namespace. */
const ownDevice = 'ipsec0';
/** On what charon itself sends, so that it does not go into the tunnel. */
const mark = '0x42';

export const tunnelEndpointNode: NodeType<'tunnel-endpoint'> = {
  sysctls: endSystem,

  async launch({ lab, sandbox, name, spec }) {
    const file = resolve(lab.folder, spec.config);
    let written: string;
    try {
      written = readFileSync(file, 'utf8');
    } catch (error) {
      throw new LabFailure(`${name}: cannot read ${file}: ${(error as NodeJS.ErrnoException).code}`);
    }
    const psk = readFileSync(pathInside(sandbox, secretFile(spec.psk)), 'utf8');
    const text = `${written}\nsecrets {\n  ike-tunnel { secret = "${psk}" }\n}\n`;
    writeFileSync(pathInside(sandbox, connections(name)), text, { mode: 0o600 });
    writeFileSync(pathInside(sandbox, settings(name)), renderSettings(name));
    start(sandbox, name, `${name}-charon`, ['env', `STRONGSWAN_CONF=${settings(name)}`, '/usr/sbin/charon-systemd']);
  },

  async whatIsMissing({ sandbox, name }) {
    const answer = await run(sandbox, ['swanctl', '--stats', '--uri', socket(name)]);
    return answer.code === 0 ? undefined : `charon does not answer: ${readLog(sandbox, `${name}-charon`, 3)}`;
  },

  async configure({ sandbox, name, spec }) {
    const { on, interface: device, addresses } = spec.device;
    const batch = (node: string, lines: readonly string[]) =>
      mustRun(sandbox, ['ip', '-batch', '-'], { node, input: `${lines.join('\n')}\n` });
    await batch(name, [
      // Under its own name at once: another tunnel of the node may arrive at the same moment.
      `link set dev ${ownDevice} netns ${on} name ${device}`,
      // charon gives each security association a route over the device by its old name, and fails where there is none.
      `link add ${ownDevice} type bridge`,
      `link set ${ownDevice} up`,
    ]);
    await batch(on, [...addresses.map((address) => `address add ${address} dev ${device}`), `link set ${device} up`]);
    await mustRun(sandbox, ['swanctl', '--load-all', '--uri', socket(name), '--file', connections(name)]);
  },

  evidence: ({ name }) => ({
    'tunnels.txt': ['swanctl', '--list-sas', '--uri', socket(name)],
    'connections.txt': ['swanctl', '--list-conns', '--uri', socket(name)],
  }),
};

/** The plugins are named: what else is installed on the machine changes nothing. */
function renderSettings(node: string): string {
  return `charon-systemd {
  load_modular = no
  load = random nonce openssl pem pkcs1 pkcs8 x509 revocation constraints pubkey kdf hmac sha1 sha2 aes gcm vici kernel-libipsec kernel-netlink socket-default updown
  threads = 16
  routing_table = 220
  routing_table_prio = 0
  install_virtual_ip = no
  plugins {
    vici { socket = ${socket(node)} }
    socket-default { fwmark = ${mark} }
    kernel-netlink { fwmark = !${mark} }
    kernel-libipsec { allow_peer_ts = yes }
  }
  filelog {
    stderr { default = 1 }
  }
  journal { default = -1 }
}
`;
}

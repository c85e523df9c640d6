/**
 * One WireGuard tunnel, by our driver and by hand with the same device, keys and MTU.
 *
 *   Pair ─[wireguardByDriver | wireguardByHand]→ a tunnel between the inside addresses
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createWireguardDriver } from '../../src/edge/links/wireguard.ts';
import type { WireguardLinkIntent } from '../../src/intent/links/links-intent.ts';
import type { LinkDriverName } from '../../src/links/link-report.ts';
import { runBatch, runIn } from '../kernel/sandbox.ts';
import { mustParseAddress, mustParseCidr } from './addresses.ts';
import { insideLength, launcherOf, type Machine, type Pair } from './pair.ts';
import { untilUp } from './until-up.ts';

const port = 51820;
const mtu = 1420;
const device = 'wg0';

interface KeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

export async function wireguardByDriver({ a, b }: Pair): Promise<LinkDriverName> {
  const keys = { a: makeKeys(), b: makeKeys() };
  const ends = [
    { machine: a, own: keys.a, peer: keys.b },
    { machine: b, own: keys.b, peer: keys.a },
  ].map(({ machine, own, peer }) => {
    const keyDir = `/run/bench/${machine.namespace}/keys`;
    mkdirSync(keyDir, { recursive: true });
    writeFileSync(`${keyDir}/${device}.key`, `${own.privateKey}\n`, { mode: 0o600 });
    const driver = createWireguardDriver({
      router: machine.namespace,
      dir: `/run/bench/${machine.namespace}/run`,
      keyDir,
      launcher: launcherOf(machine),
    });
    return { driver, link: describeLink(machine, peer.publicKey) };
  });
  return untilUp(ends);
}

export function wireguardByHand({ a, b }: Pair): void {
  const keys = { a: makeKeys(), b: makeKeys() };
  for (const { machine, own, peer } of [
    { machine: a, own: keys.a, peer: keys.b },
    { machine: b, own: keys.b, peer: keys.a },
  ]) {
    const file = `/run/${machine.namespace}.key`;
    writeFileSync(file, `${own.privateKey}\n`, { mode: 0o600 });
    // The socket's folder is one for all namespaces: the device's name tells them apart.
    const name = `wg-${machine.namespace}`;
    makeDevice(machine, name);
    const remote = ['peer', peer.publicKey, 'allowed-ips', '0.0.0.0/0', 'endpoint', `${machine.peerOutside}:${port}`];
    runIn(machine.namespace, 'wg', ['set', name, 'listen-port', `${port}`, 'private-key', file, ...remote]);
    runBatch(machine.namespace, [
      `address add ${machine.inside}/${insideLength} dev ${name}`,
      `link set ${name} mtu ${mtu} up`,
    ]);
  }
}

/** The kernel's where it has it, as anybody would. */
function makeDevice({ namespace }: Machine, name: string): void {
  try {
    runIn(namespace, 'ip', ['link', 'add', name, 'type', 'wireguard']);
  } catch {
    // In a session of its own, as ours is; it goes on in the background, so that its output must not be waited for.
    execFileSync('nsenter', [`--net=/run/netns/${namespace}`, 'setsid', '--wait', 'wireguard-go', name], {
      stdio: 'ignore',
      env: { ...process.env, WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD: '1' },
    });
  }
}

function makeKeys(): KeyPair {
  const run = (verb: string, input = '') => execFileSync('wg', [verb], { input, encoding: 'utf8' }).trim();
  const privateKey = run('genkey');
  return { privateKey, publicKey: run('pubkey', privateKey) };
}

function describeLink(machine: Machine, publicKey: string): WireguardLinkIntent {
  return {
    kind: 'wireguard',
    attachment: 'bench',
    interfaceName: device,
    addresses: [mustParseCidr(`${machine.inside}/${insideLength}`)],
    remotes: [mustParseAddress(machine.peerInside)],
    mtu,
    mssClamp: undefined,
    underlay: undefined,
    listenPort: port,
    peer: {
      publicKey,
      presharedKey: undefined,
      endpoint: { address: mustParseAddress(machine.peerOutside), port },
      allowFrom: [],
      keepalive: 25,
    },
  };
}

/**
 * A tunnel as charon is told of it.
 *
 *   IpsecTunnelIntent, secrets ─[compileConnection]→ messages of load-conn, load-shared, load-key
 *
 * Keys go to charon over its socket only; the connection holds none and may be kept in a file.
 * Invariant: pure. IKEv2 only, selectors of everything, so that routes alone decide what a tunnel carries; the connection, its
 * child and its keys are named by the device. Without the secrets there is no connection.
 */
import type { IpsecTunnelIntent } from '../../intent/links/links-intent.ts';
import { type Address, printAddress } from '../../net/address.ts';
import { sameValue } from '../../net/same-value.ts';
import { awsKeyProblem } from '../../resources/pre-shared-key.ts';
import type { SecretRef } from '../../resources/secret-ref.ts';
import { err, ok, type Result } from '../../result.ts';
import { standardPorts } from './charon-config.ts';
import { isSection, type ViciSection } from './vici-message.ts';

export interface CharonConnection {
  /** For load-conn. */
  readonly connection: ViciSection;
  readonly key: CharonKey;
}

/** Whatever `message` holds is secret. */
export interface CharonKey {
  readonly command: 'load-shared' | 'load-key';
  readonly message: ViciSection;
}

/** Where charon does ESP, which decides what it must be told. */
export type EspPlace = {
  /** A charon beside the one that has port 500 speaks NAT-T's port from the first packet. */
  readonly hasStandardPorts: boolean;
  /** Whether the same charon serves another tunnel between the same two identities. */
  readonly sharesIdentities: boolean;
} & (
  | {
      readonly kind: 'kernel';
      /** Put on every outer packet. */
      readonly outerMark: number;
    }
  /** kernel-libipsec knows ESP in UDP only. */
  | { readonly kind: 'userspace' }
);

/** Whether charon, which knows peers by who they are, takes the ends of these two for the same. */
export function sharesIdentities(one: IpsecTunnelIntent, other: IpsecTunnelIntent): boolean {
  return (
    identity(one.localId, one.localAddress) === identity(other.localId, other.localAddress) &&
    identity(one.remoteId, one.remoteAddress) === identity(other.remoteId, other.remoteAddress)
  );
}

/**
 * Whether a tunnel that is up by one of them has to be agreed on anew for the other. With a certificate of its own that was renewed
 * it goes on, as it does with a key: whoever authenticates next uses the new one. So does `unique`, asked for at that time alone.
 */
export function needsNewAgreement(before: ViciSection, after: ViciSection): boolean {
  return !sameValue(agreedOn(before), agreedOn(after));
}

function agreedOn(named: ViciSection): ViciSection {
  return Object.fromEntries(
    Object.entries(named).map(([name, connection]) => {
      if (!isSection(connection) || !isSection(connection['local'])) return [name, connection];
      const { unique: _unique, ...agreed } = connection;
      const { certs: _certs, ...local } = connection['local'];
      return [name, { ...agreed, local }];
    }),
  );
}

export function compileConnection(
  tunnel: IpsecTunnelIntent,
  secrets: ReadonlyMap<string, string>,
  place: EspPlace,
): Result<CharonConnection, string> {
  const ends = compileEnds(tunnel, secrets);
  if (!ends.ok) return ends;
  const { local, remote, key } = ends.value;
  const connection = {
    version: '2',
    ...(tunnel.localAddress ? { local_addrs: [printAddress(tunnel.localAddress)] } : {}),
    remote_addrs: [printAddress(tunnel.remoteAddress)],
    ...compilePorts(tunnel, place),
    proposals: tunnel.ikeProposals,
    encap: yesNo(place.kind === 'userspace' || tunnel.encapsulates === 'always'),
    // Addresses are what the Attachment says, so none may be changed by the peer.
    mobike: 'no',
    fragmentation: 'yes',
    // Of two tunnels between the same two identities charon would take the later one for the same peer come back, and end the other.
    unique: place.sharesIdentities ? 'never' : 'replace',
    keyingtries: '0',
    dpd_delay: seconds(tunnel.dpd.delay),
    // Which IKEv2 takes from the configuration, as it is when both ends agree: so that they do where it changes.
    dpd_timeout: seconds(tunnel.dpd.timeout),
    ...rekeying(tunnel, tunnel.ikeLifetime),
    over_time: seconds(tunnel.rekeyMargin),
    local,
    remote,
    children: { [tunnel.interfaceName]: compileChild(tunnel, place) },
  };
  return ok({ connection: { [tunnel.interfaceName]: connection }, key });
}

/**
 * A conversation that begins at port 500 moves to 4500 at both ends, whatever port the peer was told to be at: a peer at another
 * port is spoken to from 4500 at once.
 */
function compilePorts(tunnel: IpsecTunnelIntent, { hasStandardPorts }: EspPlace): ViciSection {
  const written = (port: number | undefined): number | undefined => (port === standardPorts.ike ? undefined : port);
  const isUsual = hasStandardPorts && written(tunnel.localPort) === undefined;
  const remotePort = written(tunnel.remotePort) ?? (isUsual ? undefined : standardPorts.natTraversal);
  const localPort =
    written(tunnel.localPort) ?? (isUsual && remotePort !== undefined ? standardPorts.natTraversal : undefined);
  return {
    ...(localPort === undefined ? {} : { local_port: String(localPort) }),
    ...(remotePort === undefined ? {} : { remote_port: String(remotePort) }),
  };
}

function compileChild(tunnel: IpsecTunnelIntent, place: EspPlace): ViciSection {
  const action = tunnel.initiates ? 'start' : 'none';
  const everything = ['0.0.0.0/0', '::/0'];
  return {
    mode: 'tunnel',
    local_ts: everything,
    remote_ts: everything,
    esp_proposals: tunnel.espProposals,
    ...rekeying(tunnel, tunnel.espLifetime),
    life_time: seconds(tunnel.espLifetime),
    replay_window: String(tunnel.replayWindow),
    // Who brings a tunnel about says so each time it is looked at; charon alone has to mend what breaks.
    start_action: 'none',
    dpd_action: action,
    close_action: action,
    // RFC 2983: the outer header has the class of the inner one; the inner one keeps its own.
    copy_dscp: 'out',
    ...(place.kind === 'kernel' ? kernelChild(tunnel, place.outerMark) : {}),
  };
}

function kernelChild({ ifId }: IpsecTunnelIntent, outerMark: number): ViciSection {
  const mark = `0x${outerMark.toString(16)}`;
  return {
    if_id_in: String(ifId),
    if_id_out: String(ifId),
    set_mark_out: `${mark}/${mark}`,
    ...beforeNumbersEnd,
  };
}

/**
 * No key outlives its sequence numbers, of which there are 2^32 (RFC 4303 §3.3.3): at a million packets a second they end before an
 * hour does. In user space none is so quick.
 */
const beforeNumbersEnd = { rekey_packets: '3000000000', rand_packets: '100000000', life_packets: '4000000000' };

/** A margin before the end of a lifetime, and by how much more it may be at random. Zero would switch rekeying off. */
function rekeying({ rekeyMargin, rekeyFuzz }: IpsecTunnelIntent, lifetime: number): ViciSection {
  const latest = Math.max(1, lifetime - rekeyMargin);
  const spread = Math.floor((rekeyMargin * rekeyFuzz) / 100);
  return { rekey_time: seconds(latest), rand_time: seconds(Math.min(spread, latest - 1)) };
}

interface Ends {
  readonly local: ViciSection;
  readonly remote: ViciSection;
  readonly key: CharonKey;
}

function compileEnds(tunnel: IpsecTunnelIntent, secrets: ReadonlyMap<string, string>): Result<Ends, string> {
  const { authentication } = tunnel;
  const localId = identity(tunnel.localId, tunnel.localAddress);
  const remoteId = identity(tunnel.remoteId, tunnel.remoteAddress);
  const id = {
    local: localId === undefined ? {} : { id: localId },
    remote: remoteId === undefined ? {} : { id: remoteId },
  };
  switch (authentication.kind) {
    case 'psk': {
      const secret = read(secrets, authentication.secret);
      if (!secret.ok) return secret;
      const problem = authentication.rules === 'aws' ? awsKeyProblem(secret.value) : undefined;
      if (problem !== undefined) return err(`secret ${print(authentication.secret)} ${problem}`);
      const owners = [localId, remoteId].filter((owner) => owner !== undefined);
      return ok({
        local: { auth: 'psk', ...id.local },
        remote: { auth: 'psk', ...id.remote },
        key: {
          command: 'load-shared',
          message: { id: tunnel.interfaceName, type: 'IKE', data: secret.value, owners },
        },
      });
    }
    case 'certificate': {
      const certificate = read(secrets, authentication.certificate);
      if (!certificate.ok) return certificate;
      const privateKey = read(secrets, authentication.privateKey);
      if (!privateKey.ok) return privateKey;
      const authority = read(secrets, authentication.authority);
      if (!authority.ok) return authority;
      const certs = pemBlocks(certificate.value, /CERTIFICATE/);
      if (certs.length === 0) return err(`${print(authentication.certificate)} is no certificate in PEM`);
      // Without any, whoever has a certificate of anybody's might come.
      const cacerts = pemBlocks(authority.value, /CERTIFICATE/);
      if (cacerts.length === 0) return err(`${print(authentication.authority)} is no certificate in PEM`);
      return ok({
        local: { auth: 'pubkey', ...id.local, certs },
        remote: { auth: 'pubkey', ...id.remote, cacerts },
        // openssl writes the parameters of a curve before its key, which charon would take for the key.
        key: {
          command: 'load-key',
          message: { type: 'any', data: pemBlocks(privateKey.value, /PRIVATE KEY/)[0] ?? privateKey.value },
        },
      });
    }
  }
}

function identity(written: string | undefined, address: Address | undefined): string | undefined {
  return written ?? (address && printAddress(address));
}

function read(secrets: ReadonlyMap<string, string>, ref: SecretRef): Result<string, string> {
  const value = secrets.get(print(ref));
  return value ? ok(value) : err(`secret ${print(ref)} is missing, empty, or readable by others`);
}

const print = ({ name, key }: SecretRef): string => `${name}/${key}`;

/** What one PEM text has of a kind, each on its own (RFC 7468). */
export function pemBlocks(text: string, label: RegExp): readonly string[] {
  const blocks = text.match(/-----BEGIN [A-Z0-9 ]+-----[^-]+(?:-[^-]+)*-----END [A-Z0-9 ]+-----/g) ?? [];
  return blocks.filter((block) => label.test(block.split('\n', 1)[0] ?? '')).map((block) => `${block}\n`);
}

const seconds = (count: number): string => `${count}s`;
const yesNo = (is: boolean): string => (is ? 'yes' : 'no');

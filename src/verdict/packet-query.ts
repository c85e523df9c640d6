/**
 * A question about a packet as a person or a program asks it: CLI flags, or the keys of a JSON line.
 *
 *   { in, src, dst, protocol, … } ─[parsePacketQuery]→ PacketQuery ─[explain-query]→ Verdict
 *
 * Values may be text or numbers, since a flag is text and JSON may be either; an absent key, null and '' are the same.
 *
 * Invariant: a PacketQuery is complete: what a real packet always has and the question leaves out is filled in as said at
 * `packetDefaults`, or is an error. All errors are told at once.
 */
import { type Address, parseAddress } from '../net/address.ts';
import { hasPorts, parseCalicoProtocol, printProtocol } from '../net/ip-protocol.ts';
import { err, ok, type Result } from '../result.ts';
import type { CtState, Packet } from './packet.ts';

export interface PacketQuery {
  /** The interface the packet arrives on. */
  readonly in?: string;
  /** The interface it leaves by. */
  readonly out?: string;
  readonly local?: 'in' | 'out';
  readonly packet: Packet;
}

export const packetQueryKeys = [
  'in',
  'src',
  'dst',
  'protocol',
  'sport',
  'dport',
  'icmpType',
  'icmpCode',
  'out',
  'local',
  'ct',
  'natDst',
  'natDport',
] as const;

export type PacketQueryKey = (typeof packetQueryKeys)[number];

export interface PacketQueryError {
  /** The key at fault; empty when the whole line is. */
  readonly key: string;
  readonly reason: string;
}

/**
 * What is taken for granted: the first dynamic port (RFC 6335) as source port, an echo request for ICMP, a new flow.
 * A destination port is not: a guess there would answer another question.
 */
export const packetDefaults = { sourcePort: 49152, icmpType: { 4: 8, 6: 128 }, icmpCode: 0, ct: 'new' } as const;

const interfacePattern = /^[^\s/]{1,15}$/;
const protocolNames = new Map([
  ['tcp', 6],
  ['udp', 17],
  ['sctp', 132],
  ['icmp', 1],
  ['icmpv6', 58],
  ['udplite', 136],
]);

type Input = Readonly<Record<string, unknown>>;

/** One line of JSON. */
export function parsePacketQueryLine(line: string): Result<PacketQuery, readonly PacketQueryError[]> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return err([{ key: '', reason: 'is not JSON' }]);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return err([{ key: '', reason: 'is not a JSON object' }]);
  }
  return parsePacketQuery(value as Input);
}

export function parsePacketQuery(input: Input): Result<PacketQuery, readonly PacketQueryError[]> {
  const errors: PacketQueryError[] = [];
  const complain = (key: string, reason: string): undefined => {
    errors.push({ key, reason });
    return undefined;
  };
  const read = makeReader(input, complain);

  for (const key of Object.keys(input)) {
    if (!(packetQueryKeys as readonly string[]).includes(key)) {
      complain(key, `is no key of a packet; the keys are ${packetQueryKeys.join(', ')}`);
    }
  }
  const inbound = read.interfaceName('in');
  const outbound = read.interfaceName('out');
  const local = read.oneOf('local', ['in', 'out'] as const);
  if (local === 'in' && inbound === undefined && isAbsent(input['in'])) complain('in', 'is missing: local in needs it');
  if (local === 'in' && outbound !== undefined) complain('out', 'is given, but a packet for the router leaves by none');
  const packet = readPacket(input, read, complain);

  if (errors.length > 0 || !packet) return err(errors);
  return ok({
    ...(inbound === undefined ? {} : { in: inbound }),
    ...(outbound === undefined ? {} : { out: outbound }),
    ...(local === undefined ? {} : { local }),
    packet,
  });
}

type Complain = (key: string, reason: string) => undefined;

function readPacket(input: Input, read: Reader, complain: Complain): Packet | undefined {
  const source = read.address('src');
  const destination = read.address('dst');
  if (source && destination && source.family !== destination.family) {
    complain('dst', 'is not of the same IP version as src');
  }
  const family = source?.family ?? destination?.family ?? 4;
  const protocol = read.protocol('protocol');
  const ct = read.oneOf('ct', ['new', 'established', 'related', 'invalid', 'untracked'] as const) ?? packetDefaults.ct;
  const numbers = protocol === undefined ? {} : readNumbers(input, read, complain, protocol, family);
  const changed = readNat(input, read, complain, { family, protocol });
  if (!source || !destination || protocol === undefined) return undefined;
  const packet: Packet = { source, destination, protocol, ...numbers, ctState: ct satisfies CtState };
  return changed === undefined ? packet : translate(packet, changed);
}

/** Where NAT on this machine sends the packet: what is asked after routing sees that. */
interface NatTarget {
  readonly destination: Address | undefined;
  readonly port: number | undefined;
}

function readNat(
  input: Input,
  read: Reader,
  complain: Complain,
  { family, protocol }: { readonly family: 4 | 6; readonly protocol: number | undefined },
): NatTarget | undefined {
  if (isAbsent(input['natDst']) && isAbsent(input['natDport'])) return undefined;
  const destination = isAbsent(input['natDst']) ? undefined : read.address('natDst');
  if (destination && destination.family !== family) complain('natDst', 'is not of the same IP version as src');
  const port = read.integer('natDport', 65535);
  if (port !== undefined && protocol !== undefined && !hasPorts(protocol)) {
    complain('natDport', `is given, but ${printProtocol(protocol)} has no ports`);
  }
  return { destination, port };
}

function translate(packet: Packet, { destination, port }: NatTarget): Packet {
  const { destinationPort } = packet;
  const kept = destinationPort === undefined ? {} : { destinationPort };
  return {
    ...packet,
    destination: destination ?? packet.destination,
    ...kept,
    ...(port === undefined ? {} : { destinationPort: port }),
    beforeNat: { destination: packet.destination, ...kept },
  };
}

type Numbers = Pick<Packet, 'sourcePort' | 'destinationPort' | 'icmpType' | 'icmpCode'>;

/** Ports or ICMP type and code, as the protocol has them. Ports of a protocol without any are passed over. */
function readNumbers(input: Input, read: Reader, complain: Complain, protocol: number, family: 4 | 6): Numbers {
  const isIcmp = protocol === (family === 4 ? 1 : 58);
  for (const key of ['icmpType', 'icmpCode'] as const) {
    if (!isIcmp && !isAbsent(input[key])) complain(key, `is given, but ${printProtocol(protocol)} has none here`);
  }
  if (isIcmp) {
    return {
      icmpType: read.integer('icmpType', 255) ?? packetDefaults.icmpType[family],
      icmpCode: read.integer('icmpCode', 255) ?? packetDefaults.icmpCode,
    };
  }
  // Said as a number it may be meant, strange as it is; the name is a slip.
  const name = String(input['protocol']).toLowerCase();
  if (name === 'icmp') complain('protocol', 'icmp is of IPv4; for IPv6 say icmpv6');
  if (name === 'icmpv6') complain('protocol', 'icmpv6 is of IPv6; for IPv4 say icmp');
  if (!hasPorts(protocol)) return {};
  if (isAbsent(input['dport'])) complain('dport', `is missing: ${printProtocol(protocol)} has ports`);
  const destinationPort = read.integer('dport', 65535) ?? 0;
  return { sourcePort: read.integer('sport', 65535) ?? packetDefaults.sourcePort, destinationPort };
}

interface Reader {
  interfaceName(key: PacketQueryKey): string | undefined;
  address(key: PacketQueryKey): Address | undefined;
  protocol(key: PacketQueryKey): number | undefined;
  integer(key: PacketQueryKey, last: number): number | undefined;
  oneOf<T extends string>(key: PacketQueryKey, values: readonly T[]): T | undefined;
}

/** Reads one key each; undefined when it is absent, and when it is wrong, which it then has complained of. */
function makeReader(input: Input, complain: Complain): Reader {
  const text = (key: PacketQueryKey): string | undefined => {
    const value = input[key];
    if (isAbsent(value)) return undefined;
    return typeof value === 'string' || typeof value === 'number'
      ? String(value)
      : complain(key, 'is neither text nor number');
  };
  const required = (key: PacketQueryKey): string | undefined =>
    isAbsent(input[key]) ? complain(key, 'is missing') : text(key);
  return {
    interfaceName(key) {
      const name = text(key);
      if (name === undefined || interfacePattern.test(name)) return name;
      return complain(key, 'is no interface name: 1 to 15 characters, no space or slash');
    },
    address(key) {
      const value = required(key);
      return value === undefined
        ? undefined
        : (parseAddress(value) ?? complain(key, `${quote(value)} is no IP address`));
    },
    protocol(key) {
      const value = required(key);
      if (value === undefined) return undefined;
      const known = protocolNames.get(value.toLowerCase()) ?? parseCalicoProtocol(value);
      return (
        known ?? complain(key, `${quote(value)} is not tcp, udp, sctp, icmp, icmpv6, udplite or a number 1 to 255`)
      );
    },
    integer(key, last) {
      const value = text(key);
      if (value === undefined) return undefined;
      const isInteger = /^(0|[1-9][0-9]{0,4})$/.test(value) && Number(value) <= last;
      return isInteger ? Number(value) : complain(key, `${quote(value)} is not a number 0 to ${last}`);
    },
    oneOf(key, values) {
      const value = text(key);
      if (value === undefined) return undefined;
      return values.find((each) => each === value) ?? complain(key, `${quote(value)} is not ${values.join(' or ')}`);
    },
  };
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

/** A user's value in an error: quoted, cut, and without control characters. */
function quote(value: string): string {
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
}

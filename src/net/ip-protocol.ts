/**
 * IP protocol numbers (IANA) and the names Calico gives six of them.
 */
export const protocolNumbers = { ICMP: 1, TCP: 6, UDP: 17, ICMPv6: 58, SCTP: 132, UDPLite: 136 } as const;

/** ICMP types of echo, by family (RFC 792, RFC 4443 §4). */
export const echoTypes = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } } as const;

export type ProtocolName = keyof typeof protocolNumbers;

/** A protocol as Calico's rules write it: an exact name, a number 1 to 255, or that number as text. */
export function parseCalicoProtocol(input: number | string): number | undefined {
  if (typeof input === 'string' && Object.hasOwn(protocolNumbers, input)) return protocolNumbers[input as ProtocolName];
  if (typeof input === 'string' && !/^[1-9][0-9]{0,2}$/.test(input)) return undefined;
  const value = Number(input);
  return Number.isInteger(value) && value >= 1 && value <= 255 ? value : undefined;
}

/** Whether packets of the protocol carry 16-bit source and destination ports where `th sport`, `th dport` find them. */
export function hasPorts(protocol: number): boolean {
  return protocol === 6 || protocol === 17 || protocol === 132 || protocol === 136;
}

/** Lower-case name for people and for the command line; the number where there is none. */
export function printProtocol(protocol: number): string {
  for (const [name, value] of Object.entries(protocolNumbers)) if (value === protocol) return name.toLowerCase();
  return String(protocol);
}

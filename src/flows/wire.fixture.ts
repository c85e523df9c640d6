/** Packets as bytes, written as tests think of them: a header and what follows it. */
import { address } from '../net/literals.fixture.ts';

function addressBytes(text: string): number[] {
  const { family, bits } = address(text);
  const length = family === 4 ? 4 : 16;
  return Array.from({ length }, (_, i) => Number((bits >> BigInt(8 * (length - 1 - i))) & 0xffn));
}

export interface Ipv4Header {
  readonly protocol: number;
  /** In units of eight bytes. */
  readonly fragmentOffset?: number;
  readonly options?: readonly number[];
}

export function ipv4(source: string, destination: string, header: Ipv4Header, ...payload: number[]): Uint8Array {
  const { protocol, fragmentOffset = 0, options = [] } = header;
  const words = 5 + options.length / 4;
  const fixed = [0x40 | words, 0, 0, 0, 0, 1, fragmentOffset >> 8, fragmentOffset & 0xff, 64, protocol, 0, 0];
  return Uint8Array.from([...fixed, ...addressBytes(source), ...addressBytes(destination), ...options, ...payload]);
}

export function ipv6(source: string, destination: string, next: number, ...payload: number[]): Uint8Array {
  const fixed = [0x60, 0, 0, 0, payload.length >> 8, payload.length & 0xff, next, 64];
  return Uint8Array.from([...fixed, ...addressBytes(source), ...addressBytes(destination), ...payload]);
}

/** The first eight bytes of TCP, UDP or SCTP. */
export function ports(source: number, destination: number): number[] {
  return [source >> 8, source & 0xff, destination >> 8, destination & 0xff, 0, 0, 0, 0];
}

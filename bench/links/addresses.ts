/** Addresses that the benchmark itself writes, so that one that cannot be read is its own mistake. */
import { type Address, parseAddress } from '../../src/net/address.ts';
import { type InterfaceAddress, parseCidr } from '../../src/net/prefix.ts';

export function mustParseAddress(text: string): Address {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return address;
}

export function mustParseCidr(text: string): InterfaceAddress {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new Error(`${text} is no address with its length`);
  return cidr;
}

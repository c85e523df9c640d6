/**
 * Field types that several kinds share: names, labels, selectors, addresses, AS numbers, ports, durations, communities.
 *
 * Invariant: each reason says what is wrong and what would be right. Classes as in Calico's API docs (semantics §1.2).
 */
import { type Family, parseAddress, printAddress } from '../net/address.ts';
import { parseAsn } from '../net/asn.ts';
import { parseCalicoProtocol, protocolNumbers } from '../net/ip-protocol.ts';
import { parsePortRange } from '../net/port-range.ts';
import { maskAddress, parseCidr, printPrefix } from '../net/prefix.ts';
import { parseDurationMs } from './duration.ts';
import { object, type Parser, report, required, showValue, text, warn, wrongType } from './schema.ts';
import { parseSelector } from './selector/parse.ts';

const label = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?';
const subdomainPattern = new RegExp(`^${label}(?:\\.${label})*$`);
const labelPattern = new RegExp(`^${label}$`);
const nameHint = 'lower-case letters, digits, "-" and ".", beginning and ending with a letter or digit';

/** DNS-1123 subdomain of at most 253 characters: what Calico in fact accepts as a name. */
export function subdomainProblem(value: string): string | undefined {
  if (value.length > 253) return `is ${value.length} characters long; a name has at most 253`;
  return subdomainPattern.test(value) ? undefined : `${showValue(value)} is no valid name: use ${nameHint}`;
}

export function dnsLabelProblem(value: string): string | undefined {
  if (value.length > 63) return `is ${value.length} characters long; at most 63 are allowed`;
  if (labelPattern.test(value)) return undefined;
  return `${showValue(value)} is no valid name: use lower-case letters, digits and "-" only, beginning and ending with a letter or digit, no dot`;
}

export const name = text(subdomainProblem);
export const dnsLabel = text(dnsLabelProblem);

/** Kubernetes qualified name: optional DNS prefix and `/`, then at most 63 of `[A-Za-z0-9_.-]`. */
export function qualifiedNameProblem(key: string): string | undefined {
  const slash = key.indexOf('/');
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  const local = key.slice(slash + 1);
  if (prefix !== undefined && subdomainProblem(prefix) !== undefined) {
    return `${showValue(key)} is no valid key: the part before "/" must be a DNS name in lower case`;
  }
  if (isLabelText(local)) return undefined;
  return `${showValue(key)} is no valid key: write at most 63 letters, digits, "_", "." and "-", beginning and ending with a letter or digit, after an optional DNS prefix and "/"`;
}

export function labelValueProblem(value: string): string | undefined {
  if (value === '' || isLabelText(value)) return undefined;
  return `${showValue(value)} is no valid label value: write at most 63 letters, digits, "_", "." and "-", beginning and ending with a letter or digit, or ""`;
}

function isLabelText(value: string): boolean {
  return value.length <= 63 && /^[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?$/.test(value);
}

/** A selector over labels; `global()` has a meaning only in a rule's namespaceSelector. */
export const selector: Parser<string> = text(selectorProblem, 1024);
/** As Calico: a notSelector may hold `global()`, which is true of every address that something owns. */
export const notSelector: Parser<string> = (value, at) => {
  const parsed = text(syntaxProblem, 1024)(value, at);
  if (parsed?.includes('global(')) warn(at, 'global() is true for every known address here: name what is meant');
  return parsed;
};
export const unlimitedSelector: Parser<string> = text(selectorProblem);
export const ruleNamespaceSelector: Parser<string> = text(
  (value) => (/^[ \t]*global\(\)[ \t]*$/.test(value) ? undefined : selectorProblem(value)),
  1024,
);

function selectorProblem(value: string): string | undefined {
  if (value.includes('global(')) {
    return 'global() cannot be used here: it stands alone, and only in the namespaceSelector of a rule';
  }
  return syntaxProblem(value);
}

function syntaxProblem(value: string): string | undefined {
  const parsed = parseSelector(value);
  if (parsed.ok) return undefined;
  const hint = /[\r\n]/.test(value)
    ? '; a line break is no blank in a selector: in YAML, do not use "|" or ">" here'
    : '';
  return `invalid selector at character ${parsed.error.offset + 1}: ${parsed.error.message}${hint}`;
}

/** The class `ip`: a bare address, of one family when said. */
export function ip(family?: Family): Parser<string> {
  const wanted = family === undefined ? 'an IP address' : `an IPv${family} address`;
  return text((value) => {
    const address = parseAddress(value);
    if (address && (family === undefined || address.family === family)) return undefined;
    const length = value.includes('/') ? ' without a "/" length' : '';
    return `${showValue(value)} is not ${wanted}: write ${family === 6 ? '2001:db8::1' : '192.0.2.1'}${length}`;
  });
}

/** A BGP identifier: a dotted quad that is not zero (RFC 6286 §2.1). */
export function routerId(): Parser<string> {
  return text((value) => {
    const address = parseAddress(value);
    if (address?.family === 4 && address.bits !== 0n) return undefined;
    return `${showValue(value)} is not a router ID: write a dotted quad other than 0.0.0.0, such as 192.0.2.1`;
  });
}

/** A strict CIDR: explicit length, no host bits (Calico's `net` with CRD format `cidr`). */
export function prefix(family?: Family): Parser<string> {
  return text((value) => {
    const cidr = parseCidr(value);
    if (!cidr) return notCidr(value, family);
    if (family !== undefined && cidr.address.family !== family)
      return `${showValue(value)} is not an IPv${family} CIDR`;
    const masked = maskAddress(cidr.address, cidr.length);
    return masked.bits === cidr.address.bits
      ? undefined
      : `${showValue(value)} has host bits set: write ${printPrefix(masked)}`;
  });
}

/** The class `cidr`: any CIDR, host bits allowed, or a bare address. */
export function cidrOrAddress(family?: Family): Parser<string> {
  return text((value) => {
    const address = parseCidr(value)?.address ?? parseAddress(value);
    if (!address) return notCidr(value, family);
    return family === undefined || address.family === family
      ? undefined
      : `${showValue(value)} is not IPv${family}: write an address or CIDR of that family`;
  });
}

/** An interface's address: CIDR, host bits kept. */
export const interfaceAddress: Parser<string> = text((value) =>
  parseCidr(value)
    ? undefined
    : `${showValue(value)} is no interface address: write address and length, such as 10.0.0.1/24`,
);

/** One address as a prefix of full length; a bare address is given its length. */
export const hostCidr: Parser<string> = (value, at) => {
  if (typeof value !== 'string') return wrongType(at, value, 'text');
  const bare = parseAddress(value);
  if (bare) return `${value}/${bare.family === 4 ? 32 : 128}`;
  const cidr = parseCidr(value);
  if (!cidr) return report(at, notCidr(value));
  const full = cidr.address.family === 4 ? 32 : 128;
  return cidr.length === full
    ? value
    : report(at, `${showValue(value)} is not one address: the length must be /${full}`);
};

function notCidr(value: string, family?: Family): string {
  const address = parseAddress(value);
  if (address)
    return `${showValue(value)} is an address, not a CIDR: write ${printAddress(address)}/${address.family === 4 ? 32 : 128}`;
  return `${showValue(value)} is not a CIDR: write address and length, such as ${family === 6 ? '2001:db8::/32' : '10.0.0.0/8'}`;
}

/** A 32-bit AS number: an integer, or text, plain or asdot. */
export const asNumber: Parser<number | string> = (value, at) => {
  if (typeof value !== 'number' && typeof value !== 'string') return wrongType(at, value, 'an AS number');
  const parsed = parseAsn(value);
  if (parsed === 0) return report(at, 'AS number 0 is reserved (RFC 7607): write 1 to 4294967295');
  if (parsed !== undefined) return value;
  if (typeof value === 'number' && !Number.isInteger(value)) {
    return report(at, `${value} is read as a decimal fraction: put an asdot AS number in quotes`);
  }
  return report(at, `${showValue(value)} is no AS number: write 1 to 4294967295, or "high.low" with both up to 65535`);
};

const protocolNames = Object.keys(protocolNumbers).join(', ');

/** A protocol by Calico's exact name, by number 1 to 255, or by that number as text. */
export const protocol: Parser<string | number> = (value, at) => {
  if (typeof value !== 'number' && typeof value !== 'string') return wrongType(at, value, 'a protocol name or number');
  if (parseCalicoProtocol(value) !== undefined) return value;
  const exact = Object.keys(protocolNumbers).find((known) => known.toLowerCase() === String(value).toLowerCase());
  const hint =
    exact === undefined ? `${protocolNames}, or a number from 1 to 255` : `${exact} (upper and lower case matter)`;
  return report(at, `${showValue(value)} is no protocol: write ${hint}`);
};

/** A protocol with ports that Calico knows on endpoints: TCP, UDP, SCTP or their numbers. */
export const portProtocol: Parser<string | number> = (value, at) => {
  const number = typeof value === 'number' || typeof value === 'string' ? parseCalicoProtocol(value) : undefined;
  if (number === 6 || number === 17 || number === 132) return value as string | number;
  return report(at, `${showValue(value)} is no protocol with ports: write TCP, UDP or SCTP`);
};

/** Kubernetes port name: at most 15 of `a-z 0-9 -`, a letter among them, no `--`, no `-` at either end. */
export function portNameProblem(value: string): string | undefined {
  const fits = value.length <= 15 && /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(value) && /[a-z]/.test(value);
  return fits
    ? undefined
    : `${showValue(value)} is no port name: write at most 15 lower-case letters, digits and single "-", with at least one letter`;
}

/** A port of a rule: 1 to 65535, `"first:last"`, or the name of an endpoint's port. */
export const rulePort: Parser<string | number> = (value, at) => {
  if (typeof value !== 'number' && typeof value !== 'string')
    return wrongType(at, value, 'a port, a range or a port name');
  if (parsePortRange(value) !== undefined) return value;
  if (typeof value === 'number') return report(at, `${value} is no port: write an integer from 1 to 65535`);
  if (/^[0-9:]*$/.test(value)) {
    return report(at, `${showValue(value)} is no port range: write "first:last" with 1 <= first <= last <= 65535`);
  }
  const problem = portNameProblem(value);
  if (problem === undefined) return value;
  const range = /^[0-9]+-[0-9]+$/.test(value) ? `; a range is written "${value.replace('-', ':')}"` : '';
  return report(at, `${problem}${range}`);
};

/** Go's text form of a duration. */
export const duration: Parser<string> = text((value) =>
  parseDurationMs(value) === undefined
    ? `${showValue(value)} is no duration: write a number and a unit, such as 90s or 1m30s`
    : undefined,
);

/** `aa:nn` of 16-bit parts (RFC 1997), or `aa:nn:mm` of 32-bit parts (RFC 8092); no leading zeros. */
export function communityProblem(value: string): string | undefined {
  const parts = value.split(':');
  const limit = parts.length === 2 ? 65535 : 4294967295;
  const fits =
    (parts.length === 2 || parts.length === 3) &&
    parts.every((part) => /^(0|[1-9][0-9]{0,9})$/.test(part) && Number(part) <= limit);
  return fits
    ? undefined
    : `${showValue(value)} is no community: write "aa:nn" with parts up to 65535, or "aa:nn:mm" with parts up to 4294967295`;
}

export const community: Parser<string> = text(communityProblem);

/** The name of a Linux interface: at most 15 characters. */
export const interfaceName: Parser<string> = text((value) =>
  /^[A-Za-z0-9_.-]{1,15}$/.test(value) && value !== '.' && value !== '..'
    ? undefined
    : `${showValue(value)} is no interface name: write at most 15 letters, digits, "_", "." and "-"`,
);

/** An interface name in which `*` stands for any characters. */
export const interfacePattern: Parser<string> = text((value) =>
  /^[A-Za-z0-9_.*-]{1,15}$/.test(value)
    ? undefined
    : `${showValue(value)} is no interface name or pattern: write at most 15 letters, digits, "_", "." and "-", with "*" for any`,
);

export const mac: Parser<string> = text((value) =>
  /^[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}$/.test(value)
    ? undefined
    : `${showValue(value)} is no MAC address: write 02:00:00:00:00:01`,
);

/** Text without control characters, of bounded length. */
export const plainText: Parser<string> = text(
  (value) => (/[\u0000-\u001f\u007f]/.test(value) ? 'contains control characters: remove them' : undefined),
  1024,
);

/** Text that means nothing to us, such as an orchestrator's ID; written without quotes it may look like a number. */
export const opaqueText: Parser<string> = (value, at) =>
  plainText(typeof value === 'number' ? String(value) : value, at);

/** How a secret is named: a key of a Kubernetes Secret, or of a folder of files. Its reasons do not repeat what was written. */
export const keyOfSecret = object<{ readonly name: string; readonly key: string }>({
  name: required(
    text((value) =>
      subdomainProblem(value) === undefined ? undefined : `is no valid name of a secret: use ${nameHint}`,
    ),
  ),
  key: required(
    text((value) =>
      /^[-._a-zA-Z0-9]{1,253}$/.test(value) && value !== '.' && value !== '..'
        ? undefined
        : 'is no key of a secret: use letters, digits, "-", "_" and "."',
    ),
  ),
});

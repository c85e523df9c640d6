/**
 * For tests of what links say about each other: short Attachments, and what is found of them. Fails by throwing, as `src` knows
 * no test framework.
 */
import { parseFile } from './document.ts';
import { manifest } from './manifest.fixture.ts';
import { checkReferences } from './references.ts';
import { makeSnapshot } from './snapshot.ts';

interface Found {
  readonly name: string;
  readonly field: string;
  readonly reason: string;
}

/** A table row: title, manifests, and where the one finding is. */
export type ReferenceRow = [title: string, manifests: string[], name: string, field: string, reason: RegExp];

export function check(manifests: readonly string[]): { readonly errors: Found[]; readonly warnings: Found[] } {
  const { resources, errors } = parseFile({ path: 'f.yaml', text: manifests.join('---\n') });
  if (errors.length > 0) throw new Error(`expected sound manifests; found ${JSON.stringify(errors, null, 2)}`);
  const found = checkReferences(makeSnapshot(resources));
  const brief = ({ name, field, reason }: Found): Found => ({ name, field, reason });
  return { errors: found.errors.map(brief), warnings: found.warnings.map(brief) };
}

export const router = (spec = '', name = 'r1'): string =>
  manifest('Router', `asNumber: ${name === 'r1' ? 64520 : 65000}\n${spec}`, name);
export const sites = ['a', 'b']
  .map((name) => manifest('Site', 'type: vpc\nprefixes: [10.0.0.0/8]', name))
  .join('---\n');
/** Of Router r1, in the cases of the tables: an interface outside of tunnels, and one that is called like a VLAN. */
const listed =
  'interfaces: [{name: eth8, addresses: [172.29.0.1/24, "fd00:29::1/64"]}, {name: eth9.7, addresses: [172.28.7.1/24]}]';

/** What is found of the manifests beside two Routers and two Sites. */
export function findIn(manifests: readonly string[], role = ''): ReturnType<typeof check> {
  return check([router(`${role}${listed}`), router('', 'r2'), sites, ...manifests]);
}

let count = 0;
/** Addresses that no other has, unless the rest says some. */
export function attachment(name: string, link: string, more = ''): string {
  const third = ++count % 250;
  const ends = more.includes('addresses:')
    ? ''
    : `\naddresses: {local: [172.16.${third}.1/30], remote: [172.16.${third}.2]}`;
  const routes = more.includes('bgp:') ? '' : '\nstatic: {prefixes: [10.0.0.0/8]}';
  const site = more.includes('site:') ? '' : '\nsite: a';
  return manifest('Attachment', `router: r1\nlink: {${link}}${site}${ends}${routes}\n${more}`, name);
}
export const vlan = (name: string, parent: string, id: number, more = ''): string =>
  attachment(name, `vlan: {parent: ${parent}, id: ${id}}`, more);
export const device = (name: string, dev: string, more = ''): string =>
  attachment(name, `interface: {name: ${dev}}`, more);
export const tunnel = (name: string, peer: string, more = ''): string =>
  attachment(name, `ipsec: {psk: {secretRef: {name: v, key: k}}, tunnels: [{remoteAddress: "${peer}"}]}`, more);
export const wireguard = (name: string, settings = ''): string =>
  attachment(name, `wireguard: {peerPublicKey: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="${settings}}`);
export const peering = (name: string, more = ''): string =>
  attachment(name, 'interface: {name: eth1, network: vpc-peering}', more);
export const inside = (local: string, remote: string): string =>
  `addresses: {local: ["${local}"], remote: ["${remote}"]}`;

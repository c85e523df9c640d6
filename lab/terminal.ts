/** What a lab needs of the machine, and how it speaks on a terminal. */
import { accessSync, constants } from 'node:fs';
import { readInput } from '../src/cli/input.ts';
import { parseFiles } from '../src/resources/document.ts';
import type { Printer } from './checks/check.ts';
import { createPaint } from './report/table.ts';
import type { Lab } from './topology/lab-file.ts';
import { storesOf } from './topology/stores.ts';

const strongswan = {
  'charon-systemd': 'charon-systemd',
  '/usr/lib/ipsec/plugins/libstrongswan-openssl.so': 'libstrongswan-standard-plugins',
  '/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so': 'libcharon-extra-plugins',
  '/usr/lib/ipsec/plugins/libstrongswan-chapoly.so': 'libstrongswan-extra-plugins',
} as const;

/** Program, or file, and the Debian package that has it: by type of node, and by what a link of a router's Attachment is. */
const programs = {
  always: { unshare: 'util-linux', nsenter: 'util-linux', ip: 'iproute2', bash: 'bash' },
  router: { nft: 'nftables', bird: 'bird2', birdc: 'bird2' },
  bird: { bird: 'bird2', birdc: 'bird2' },
  'bird-router': { bird: 'bird2', birdc: 'bird2' },
  'tunnel-endpoint': { ...strongswan, swanctl: 'strongswan-swanctl' },
  frr: { vtysh: 'frr' },
  ipsec: strongswan,
  vlan: { tc: 'iproute2' },
  wireguard: { wg: 'wireguard-tools', 'wireguard-go': 'wireguard-go' },
} as const;

const searchPath = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/lib/frr'];

/** What is missing for a lab and how to install it; undefined when nothing is. */
export async function missingPrograms(lab: Lab): Promise<string | undefined> {
  const missing = (await neededPrograms(lab)).filter(([program]) => !isInstalled(program));
  if (missing.length === 0) return undefined;
  const packages = [...new Set(missing.map(([, name]) => name))].sort();
  const names = [...new Set(missing.map(([program]) => program))];
  return `missing: ${names.join(', ')}. Install with: apt-get install --no-install-recommends ${packages.join(' ')}`;
}

/** Each with its package. */
export async function neededPrograms(lab: Lab): Promise<readonly (readonly [program: string, debian: string])[]> {
  const types = Object.values(lab.spec.nodes).map((node) => node.type);
  const used = new Set<string>(['always', ...types, ...(await linkKindsOf(lab))]);
  return Object.entries(programs).flatMap(([what, list]) => (used.has(what) ? Object.entries(list) : []));
}

/** `ipsec`, `vlan`, …: what the Attachments of all routers lead over. What cannot be read is for `apply` to say. */
async function linkKindsOf(lab: Lab): Promise<string[]> {
  const folders = storesOf(lab).map((store) => store.resources);
  const { files } = await readInput(folders, { recursive: false });
  const { resources } = parseFiles(files);
  return resources.flatMap(({ resource }) => (resource.kind === 'Attachment' ? Object.keys(resource.spec.link) : []));
}

function isInstalled(program: string): boolean {
  if (program.startsWith('/')) return isAccessible(program, constants.R_OK);
  return searchPath.some((folder) => isAccessible(`${folder}/${program}`, constants.X_OK));
}

function isAccessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** Prints titles and tables; plain text without colour. */
export function createPrinter(print: (text: string) => void, isColoured: boolean): Printer {
  const paint = createPaint(isColoured);
  return {
    paint,
    title: (text) => print(`\n${paint('bold', text)}\n\n`),
    text: (text) => print(`${text}\n`),
  };
}

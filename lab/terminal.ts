/** What a lab needs of the machine, and how it speaks on a terminal. */
import { accessSync, constants } from 'node:fs';
import type { Printer } from './checks/check.ts';
import { createPaint } from './report/table.ts';
import type { Lab } from './topology/lab-file.ts';

/** Program and the Debian package that has it. */
const programs = {
  always: { unshare: 'util-linux', nsenter: 'util-linux', ip: 'iproute2', bash: 'bash' },
  router: { nft: 'nftables', bird: 'bird2', birdc: 'bird2' },
  bird: { bird: 'bird2', birdc: 'bird2' },
  'bird-router': { bird: 'bird2', birdc: 'bird2' },
  'tunnel-endpoint': { 'charon-systemd': 'charon-systemd', swanctl: 'strongswan-swanctl' },
  frr: { vtysh: 'frr' },
} as const;

const searchPath = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/lib/frr'];

/** What is missing for a lab and how to install it; undefined when nothing is. */
export function missingPrograms(lab: Lab): string | undefined {
  const types = new Set<string>(Object.values(lab.spec.nodes).map((node) => node.type));
  const needed = Object.entries(programs).flatMap(([type, list]) =>
    type === 'always' || types.has(type) ? Object.entries(list) : [],
  );
  const missing = needed.filter(([program]) => !searchPath.some((folder) => isExecutable(`${folder}/${program}`)));
  if (missing.length === 0) return undefined;
  const packages = [...new Set(missing.map(([, name]) => name))].sort();
  const names = [...new Set(missing.map(([program]) => program))];
  return `missing: ${names.join(', ')}. Install with: apt-get install --no-install-recommends ${packages.join(' ')}`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
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

/**
 * What a lab must never touch, as text to compare before and after: the host's rules, routes, links and files of ours.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Sandbox } from './sandbox/sandbox.ts';

/** Folders that agents and daemons write to; a lab has its own in their place. */
const folders = ['/run/causeway', '/var/lib/causeway', '/etc/causeway', '/run/frr', '/run/lab'];

/** By aspect, byte for byte. Counters that tick by themselves are left out. */
export function readHostState(): Readonly<Record<string, string>> {
  const show = (argv: readonly [string, ...string[]]): string =>
    execFileSync(argv[0], argv.slice(1), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return {
    ruleset: show(['nft', '--stateless', 'list', 'ruleset']),
    links: show(['ip', '-oneline', 'link', 'show']),
    // Lifetimes of leased addresses tick by themselves.
    addresses: show(['ip', '-oneline', 'address', 'show']).replace(/(valid|preferred)_lft \S+/g, ''),
    routes4: show(['ip', '-4', 'route', 'show', 'table', 'all']),
    routes6: show(['ip', '-6', 'route', 'show', 'table', 'all']).replace(/ expires \S+/g, ''),
    rules: show(['ip', 'rule', 'show']) + show(['ip', '-6', 'rule', 'show']),
    files: folders.map((folder) => `${folder}: ${list(folder)}`).join('\n'),
  };
}

/** Process ids of everything in a sandbox, as the host sees them. Ask while it lives; then `isRunning` says what is left. */
export function processesOf(sandbox: Sandbox): readonly number[] {
  const namespaceOf = (pid: string): string => {
    try {
      return readlinkSync(`/proc/${pid}/ns/pid`);
    } catch {
      return '';
    }
  };
  const own = namespaceOf(String(sandbox.init));
  return readdirSync('/proc')
    .filter((entry) => /^[0-9]+$/.test(entry) && own !== '' && namespaceOf(entry) === own)
    .map(Number);
}

/** Mounts and named namespaces of the host that mention a lab; none, unless something leaked out of a sandbox. */
export function leakedMounts(): readonly string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('lab '));
}

function list(folder: string): string {
  if (!existsSync(folder)) return 'absent';
  return readdirSync(folder, { recursive: true }).sort().join(' ');
}

/**
 * Where everything happens: network namespaces inside namespaces of our own.
 *
 *   scripts/bench.sh (unshare --net --mount --pid --kill-child) → [sandbox] → ip, nft, conntrack
 *
 * Invariant: nothing outlives this process. It is process 1 of its own process namespace, /run is a private tmpfs and the
 * network namespaces are bound there only, so that the kernel removes all of it when the process ends, even by SIGKILL.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { inNamespace } from './libc.ts';

/** The name of a network namespace of this sandbox. */
export type NamespaceName = string;

export function namespacePath(name: NamespaceName): string {
  return `/run/netns/${name}`;
}

/** Why this process may not measure here, or undefined: it must be alone in fresh namespaces, never on the host's network. */
export function sandboxMissing(): string | undefined {
  const interfaces = readFileSync('/proc/net/dev', 'utf8')
    .split('\n')
    .slice(2)
    .filter((line) => line.includes(':'));
  const onlyLoopback = interfaces.every((line) => line.trimStart().startsWith('lo:'));
  return process.pid === 1 && onlyLoopback ? undefined : 'not in a sandbox of its own: start it with npm run bench';
}

export function prepareSandbox(): void {
  run('mount', ['-t', 'tmpfs', 'tmpfs', '/run']);
}

export function addNamespaces(names: readonly NamespaceName[]): void {
  runBatch(
    undefined,
    names.map((name) => `netns add ${name}`),
  );
}

/** Runs `ip` commands in one process, in a namespace or in the sandbox's own. */
export function runBatch(namespace: NamespaceName | undefined, commands: readonly string[]): void {
  const inside = namespace === undefined ? [] : ['-n', namespace];
  run('ip', [...inside, '-batch', '-'], `${commands.join('\n')}\n`);
}

export function runIn(namespace: NamespaceName, program: string, args: readonly string[], input?: string): string {
  return run('nsenter', [`--net=${namespacePath(namespace)}`, program, ...args], input);
}

/** Writes sysctls of a namespace, given below /proc/sys/net, which shows the network namespace of whoever opens it. */
export function writeSysctls(namespace: NamespaceName, values: Readonly<Record<string, string>>): void {
  inNamespace(namespacePath(namespace), () => {
    for (const [name, value] of Object.entries(values)) writeFileSync(`/proc/sys/net/${name}`, value);
  });
}

/** Loads nft text into a namespace as one transaction. */
export function loadRuleset(namespace: NamespaceName, text: string): void {
  // A file, because Node's standard input is a socket, and nft opens "-" by the path /dev/stdin.
  const file = `/run/${namespace}.nft`;
  writeFileSync(file, text);
  runIn(namespace, 'nft', ['-f', file]);
}

function run(program: string, args: readonly string[], input?: string): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    maxBuffer: 1 << 30,
    ...(input === undefined ? {} : { input }),
  });
}

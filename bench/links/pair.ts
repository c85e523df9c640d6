/**
 * Two machines and a wire, over which one link is measured.
 *
 *   a ══ outer ══ b        each a network namespace
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { addNamespaces, type NamespaceName, namespacePath, runBatch, writeSysctls } from '../kernel/sandbox.ts';

export interface Machine {
  readonly namespace: NamespaceName;
  /** On the wire. */
  readonly outside: string;
  /** In the link. */
  readonly inside: string;
  readonly peerOutside: string;
  readonly peerInside: string;
}

export interface Pair {
  readonly a: Machine;
  readonly b: Machine;
}

export const wire = 'outer';
export const insideLength = 30;

/** `name` at most six characters; every pair has the same addresses, since none can see another. */
export function makePair(name: string): Pair {
  const [a, b] = [`${name}-a`, `${name}-b`] as const;
  addNamespaces([a, b]);
  runBatch(undefined, [`link add ${wire} netns ${a} type veth peer name ${wire} netns ${b}`]);
  const ends = { a: ['192.0.2.1', '169.254.10.1'], b: ['192.0.2.2', '169.254.10.2'] } as const;
  for (const [namespace, [outside]] of [
    [a, ends.a],
    [b, ends.b],
  ] as const) {
    writeSysctls(namespace, { 'ipv6/conf/default/disable_ipv6': '1', 'ipv4/conf/default/rp_filter': '0' });
    runBatch(namespace, ['link set lo up', `address add ${outside}/24 dev ${wire}`, `link set ${wire} up`]);
  }
  const machine = (
    namespace: string,
    [outside, inside]: readonly [string, string],
    [peerOutside, peerInside]: readonly [string, string],
  ): Machine => ({
    namespace,
    outside,
    inside,
    peerOutside,
    peerInside,
  });
  return { a: machine(a, ends.a, ends.b), b: machine(b, ends.b, ends.a) };
}

/** To be put before a command. */
export function launcherOf({ namespace }: Machine): readonly string[] {
  return ['nsenter', `--net=${namespacePath(namespace)}`];
}

/** A program on a machine that goes on running; what it prints is lost unless asked for. */
export function startOn(
  machine: Machine,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  const [program = '', ...args] = [...launcherOf(machine), ...argv];
  return spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, ...env } });
}

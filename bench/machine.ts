/**
 * What the figures were measured on, as far as it may explain them.
 *
 *   host → [machine] → report
 */
import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';

export interface Machine {
  readonly kernel: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryMiB: number;
  readonly node: string;
  readonly nft: string;
  readonly iproute2: string;
  /** Mean number of running tasks over the last minute before the run; much above 0 makes figures noisy. */
  readonly loadBefore: number;
}

export function observeMachine(): Machine {
  return {
    kernel: release(),
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    node: process.versions.node,
    nft: versionOf('nft', ['--version']),
    iproute2: versionOf('ip', ['-V']),
    loadBefore: loadavg()[0] ?? 0,
  };
}

function versionOf(program: string, args: readonly string[]): string {
  return /\d+(\.\d+)+/.exec(execFileSync(program, args, { encoding: 'utf8' }))?.[0] ?? 'unknown';
}

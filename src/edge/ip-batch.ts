/**
 * Many commands of iproute2 in one run of `ip`, and what it says of rules.
 *
 *   lines of `ip -batch` ─▶ ip ─▶ one JSON list for each question
 *
 * Invariant: whoever writes a line has printed it from values: names of devices, addresses, numbers.
 */
import { existsSync } from 'node:fs';
import type { Family } from '../net/address.ts';
import { printProgramError, runProgram } from './run-program.ts';

/** As `ip -json rule show` has it. */
export interface IpRule {
  readonly priority: number;
  /** Null where the rule is for all but what it says. */
  readonly not?: null;
  readonly iif?: string;
  readonly fwmark?: string;
  readonly fwmask?: string;
  readonly table?: string;
  readonly suppress_prefixlen?: number;
  readonly protocol?: string;
}

export interface IpBatch {
  /** What it printed; throws with the first line that `ip` complains of. */
  run(args: readonly string[], commands: readonly string[]): Promise<string>;
  /** One answer for each question; throws where there are fewer. */
  ask(family: Family, questions: readonly string[]): Promise<readonly (readonly unknown[])[]>;
}

/** `launcher`: program and arguments to put before every command, such as `ip netns exec r1`; for tests. */
export function createIpBatch(launcher: readonly string[] = []): IpBatch {
  async function run(args: readonly string[], commands: readonly string[]): Promise<string> {
    const [program = '', ...before] = [...launcher, 'ip'];
    const input = commands.map((command) => `${command}\n`).join('');
    const output = await runProgram(program, [...before, ...args, '-batch', '-'], { input });
    if (!output.ok) throw new Error(printProgramError(output.error));
    if (output.value.exitCode !== 0) throw new Error(output.value.stderr.trim().split('\n')[0] ?? 'ip failed');
    return output.value.stdout;
  }

  return {
    run,
    async ask(family, questions) {
      const answer = await run([`-${family}`, '-json'], questions);
      const lines = answer.split('\n').filter((line) => line.trim() !== '');
      if (lines.length !== questions.length) {
        throw new Error(`ip answered ${lines.length} of ${questions.length} questions`);
      }
      return lines.map((line) => JSON.parse(line) as readonly unknown[]);
    },
  };
}

/** A kernel may be started without IPv6. */
export function isSpoken(family: Family): boolean {
  return family === 4 || existsSync('/proc/net/if_inet6');
}

/** For a rule that a predecessor who is just ending may have written first. */
export function unlessThere(error: Error): string {
  if (error.message.includes('File exists')) return '';
  throw error;
}

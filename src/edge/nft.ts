/**
 * nft(8), as the packet filter of the network namespace the process is in.
 *
 *   nft text ─[apply]→ kernel ─[list, monitor]→ JSON, a bell
 *
 * Texts go in by standard input, so no limit on arguments and nothing on disk; nft reads it once and whole.
 */
import { type NftError, type PacketFilter, readNftFailure } from '../nftables/packet-filter.ts';
import { tableName } from '../nftables/ruleset.ts';
import { err, ok, type Result } from '../result.ts';
import { type ProgramError, type ProgramOutput, printProgramError, runProgram } from './run-program.ts';

/** A table of 100,000 elements takes a second; a busy machine may take many times that. */
const timeoutMs = 120_000;
const unnotifiedMs = 5000;
/** The monitor is asked ten times a second. */
const ownNotificationsMs = 2000;

/** `command` is nft, or a program and arguments that lead to it in another namespace; the monitor stays in our own. */
export function openPacketFilter(command: readonly [string, ...string[]] = ['nft']): PacketFilter {
  /** Processes of our own transactions, and for a while of those that have ended: their notifications come later. */
  const writers = new Set<number>();
  return {
    async apply(text) {
      let writer: number | undefined;
      const applied = await runNft(command, ['-f', '-'], text, (pid) => {
        writer = pid;
        writers.add(pid);
      });
      setTimeout(() => writer !== undefined && writers.delete(writer), ownNotificationsMs).unref();
      return withoutOutput(applied);
    },
    async check(text) {
      return withoutOutput(await runNft(command, ['-c', '-f', '-'], text));
    },
    async list() {
      // Numeric throughout, so that /etc/protocols and /etc/services cannot change what is read.
      const listed = await runNft(command, ['-j', '-a', '-n', 'list', 'table', 'inet', tableName]);
      if (listed.ok) return ok(listed.value.stdout);
      const isAbsent = listed.error.kind === 'refused' && listed.error.message.includes('No such file or directory');
      return isAbsent ? ok(undefined) : listed;
    },
    async listSets(names) {
      const listings: string[] = [];
      for (const name of names) {
        const listed = await runNft(command, ['-j', '-n', 'list', 'set', 'inet', tableName, name]);
        if (!listed.ok) return listed;
        listings.push(listed.value.stdout);
      }
      return ok(listings);
    },
    monitor(onChange) {
      let isClosed = false;
      let watch: { close(): void } | undefined;
      void import('./netfilter-events.ts').then(({ watchTable }) => {
        if (!isClosed) {
          watch = watchTable(tableName, (port) => writers.has(port), onChange) ?? ringRegularly(onChange);
        }
      });
      return {
        close() {
          isClosed = true;
          watch?.close();
        },
      };
    },
  };
}

/** Without notifications: whoever listens looks for himself. */
function ringRegularly(onChange: () => void): { close(): void } {
  const timer = setInterval(onChange, unnotifiedMs);
  return { close: () => clearInterval(timer) };
}

async function runNft(
  [program, ...first]: readonly [string, ...string[]],
  args: readonly string[],
  input?: string,
  onStart: (pid: number) => void = () => undefined,
): Promise<Result<ProgramOutput, NftError>> {
  const options = { timeoutMs, onStart, ...(input === undefined ? {} : { input }) };
  const run = await runProgram(program, [...first, ...args], options);
  if (!run.ok) return err(toNftError(run.error));
  return run.value.exitCode === 0 ? run : err(readNftFailure(run.value.stderr));
}

function toNftError(error: ProgramError): NftError {
  const message = printProgramError(error);
  return error.kind === 'failed' ? { kind: 'refused', line: undefined, message } : { kind: error.kind, message };
}

function withoutOutput(result: Result<ProgramOutput, NftError>): Result<void, NftError> {
  return result.ok ? ok(undefined) : result;
}

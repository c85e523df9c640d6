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

/** `command` is nft, or a program and arguments that lead to it in another namespace; the monitor stays in our own. */
export function openPacketFilter(command: readonly [string, ...string[]] = ['nft']): PacketFilter {
  return {
    async apply(text) {
      return withoutOutput(await runNft(command, ['-f', '-'], text));
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
    monitor(onChange) {
      let isClosed = false;
      let watch: { close(): void } | undefined;
      void import('./netfilter-events.ts').then(({ watchTable }) => {
        if (!isClosed) watch = watchTable(tableName, onChange) ?? ringRegularly(onChange);
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
): Promise<Result<ProgramOutput, NftError>> {
  const run = await runProgram(program, [...first, ...args], { timeoutMs, ...(input === undefined ? {} : { input }) });
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

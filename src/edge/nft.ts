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
import { openLineChild } from './line-child.ts';
import { type ProgramError, type ProgramOutput, printProgramError, runProgram } from './run-program.ts';

/** A table of 100,000 elements takes a second; a busy machine may take many times that. */
const timeoutMs = 120_000;
/** A transaction rings once for each object in it; one bell for them all is enough. */
const quietMs = 50;

export function openPacketFilter(program = 'nft'): PacketFilter {
  return {
    async apply(text) {
      return withoutOutput(await runNft(program, ['-f', '-'], text));
    },
    async check(text) {
      return withoutOutput(await runNft(program, ['-c', '-f', '-'], text));
    },
    async list() {
      // Numeric throughout, so that /etc/protocols and /etc/services cannot change what is read.
      const listed = await runNft(program, ['-j', '-a', '-n', 'list', 'table', 'inet', tableName]);
      if (listed.ok) return ok(listed.value.stdout);
      const isAbsent = listed.error.kind === 'refused' && listed.error.message.includes('No such file or directory');
      return isAbsent ? ok(undefined) : listed;
    },
    monitor(onChange) {
      let timer: NodeJS.Timeout | undefined;
      const ring = (): void => {
        timer ??= setTimeout(() => {
          timer = undefined;
          onChange();
        }, quietMs);
      };
      const child = openLineChild(program, ['-j', 'monitor'], (line) => isOurs(line) && ring(), ring);
      return {
        close() {
          clearTimeout(timer);
          child.close();
        },
      };
    },
  };
}

/** By text: nft 1.0.6 prints concatenated interval elements as broken JSON, but the table's name stands before them. */
function isOurs(line: string): boolean {
  const head = line.slice(0, 300);
  return head.includes(`"table": "${tableName}"`) || head.includes(`"name": "${tableName}"`);
}

async function runNft(
  program: string,
  args: readonly string[],
  input?: string,
): Promise<Result<ProgramOutput, NftError>> {
  const run = await runProgram(program, args, { timeoutMs, ...(input === undefined ? {} : { input }) });
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

/**
 * `wg`, for kernel devices and wireguard-go alike.
 *
 * Invariant: keys go to it through a pipe, never in an argument or a file; the keys that it prints are blanked before they
 * reach us, so that a reading can be kept and logged.
 */
import { readWireguard, type WireguardDevice } from '../../links/wireguard/read.ts';
import { err, ok, type Result } from '../../result.ts';
import { printProgramError, runProgram } from '../run-program.ts';
import { withMissing } from './missing-capability.ts';
import { nearDaemons, type WireguardFolder } from './wireguard-folder.ts';

export interface WireguardTool {
  /** Every WireGuard device in one run, whosever it is. */
  read(): Promise<Result<readonly WireguardDevice[], string>>;
  /** Whether a device is there and does not answer. */
  hangs(interfaceName: string): Promise<boolean>;
  /** Makes the device what the text says, without touching the sessions of peers that stay. */
  configure(interfaceName: string, text: string): Promise<Result<void, string>>;
}

/** A line of a device has five columns, the second its private key; one of a peer nine, the third its preshared key. */
const blankKeys = `awk -F '\\t' -v OFS='\\t' 'NF == 5 { $2 = "-" } NF == 9 { $3 = "-" } { print }'`;
/** Of `timeout`: a daemon that hangs would hold `wg` for ever, and us by its pipes. Seconds for all devices, and for one. */
const [waitForAll, waitForOne] = ['timeout -s KILL 5', 'timeout -s KILL 1'];
/** What a shell says of a program that was killed so. */
const killed = 137;

const readScript = `all=$(${waitForAll} wg show all dump) && printf '%s\\n' "$all" | ${blankKeys}`;
const askScript = `${waitForOne} wg show "$1" listen-port >/dev/null`;
/** Through cat, since `wg` opens its file by name and what Node gives as standard input is a socket, which has none. */
const configureScript = `cat | ${waitForAll} wg syncconf "$1" /dev/stdin`;

export function createWireguardTool(folder: WireguardFolder): WireguardTool {
  async function run(
    script: string,
    args: readonly string[],
    input?: string,
  ): Promise<Result<string, { readonly exitCode: number; readonly message: string }>> {
    const [program = '', ...words] = await nearDaemons(folder, script, args);
    const ran = await runProgram(program, words, { timeoutMs: 10_000, ...(input === undefined ? {} : { input }) });
    if (!ran.ok) return err({ exitCode: -1, message: printProgramError(ran.error) });
    const { exitCode, stdout, stderr } = ran.value;
    if (exitCode === 0) return ok(stdout);
    return err({ exitCode, message: messageOf(exitCode, stderr) });
  }

  return {
    async read() {
      const told = await run(readScript, []);
      return told.ok ? ok(readWireguard(told.value)) : err(told.error.message);
    },
    async hangs(interfaceName) {
      const told = await run(askScript, [interfaceName]);
      return !told.ok && told.error.exitCode === killed;
    },
    async configure(interfaceName, text) {
      const told = await run(configureScript, [interfaceName], text);
      return told.ok ? ok(undefined) : err(told.error.message);
    },
  };
}

function messageOf(exitCode: number, stderr: string): string {
  if (exitCode === 127) return 'wg is not installed: apt-get install wireguard-tools';
  if (exitCode === killed) return 'wireguard-go does not answer';
  return withMissing('CAP_SYS_ADMIN', stderr.trim().split('\n').at(-1) || `wg ended with ${exitCode}`);
}

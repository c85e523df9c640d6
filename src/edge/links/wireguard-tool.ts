/**
 * `wg`, for kernel devices and wireguard-go alike.
 *
 * Invariant: keys go to it through a pipe, never in an argument or a file; the keys that it prints are blanked before they
 * reach us, so that a reading can be kept and logged.
 */
import { readWireguard, type WireguardDevice } from '../../links/wireguard/read.ts';
import { err, ok, type Result } from '../../result.ts';
import { printProgramError, runProgram } from '../run-program.ts';
import { nearDaemons, type WireguardFolder } from './wireguard-folder.ts';

export interface WireguardTool {
  /** Every WireGuard device in one run, whosever it is. */
  read(): Promise<Result<readonly WireguardDevice[], string>>;
  /** Makes the device what the text says, without touching the sessions of peers that stay. */
  configure(interfaceName: string, text: string): Promise<Result<void, string>>;
}

/** A line of a device has five columns, the second its private key; one of a peer nine, the third its preshared key. */
const blankKeys = `awk -F '\\t' -v OFS='\\t' 'NF == 5 { $2 = "-" } NF == 9 { $3 = "-" } { print }'`;
const readScript = `all=$(wg show all dump) && printf '%s\\n' "$all" | ${blankKeys}`;
/** Through cat, since `wg` opens its file by name and what Node gives as standard input is a socket, which has none. */
const configureScript = 'cat | wg syncconf "$1" /dev/stdin';

export function createWireguardTool(folder: WireguardFolder): WireguardTool {
  async function run(script: string, args: readonly string[], input?: string): Promise<Result<string, string>> {
    const [program = '', ...words] = await nearDaemons(folder, script, args);
    const ran = await runProgram(program, words, { timeoutMs: 10_000, ...(input === undefined ? {} : { input }) });
    if (!ran.ok) return err(printProgramError(ran.error));
    const { exitCode, stdout, stderr } = ran.value;
    if (exitCode === 0) return ok(stdout);
    if (exitCode === 127) return err('wg is not installed: apt-get install wireguard-tools');
    return err(stderr.trim().split('\n').at(-1) || `wg ended with ${exitCode}`);
  }

  return {
    async read() {
      const told = await run(readScript, []);
      return told.ok ? ok(readWireguard(told.value)) : told;
    },
    async configure(interfaceName, text) {
      const told = await run(configureScript, [interfaceName], text);
      return told.ok ? ok(undefined) : told;
    },
  };
}

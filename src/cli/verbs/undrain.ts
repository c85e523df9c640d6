/** `causeway undrain`: puts a router back into service, and waits until its sessions are as wanted. */
import type { Command } from 'commander';
import type { ApiBodies } from '../../api/agent-api.ts';
import { readFromAgent } from '../../client/agent-client.ts';
import { ok } from '../../result.ts';
import { type Cli, onAction } from '../cli.ts';
import { addDrainOptions, type DrainWaitOptions, orderAndWait } from '../drain-order.ts';

const help = `
Ends with 0 when BIRD runs with the usual configuration and every session is established that may be (one that is held down,
for lack of its password, say, may not), with 1 when that is not so in time, and names what is missing.

Examples:
  causeway undrain --router tr1
  causeway undrain --router tr1 --wait 5m -o json`;

type RouterStatus = ApiBodies['/v1/status'];

export function register(command: Command, cli: Cli): void {
  addDrainOptions(command).addHelpText('after', help);
  onAction(command, (_: [], options: DrainWaitOptions) =>
    orderAndWait<RouterStatus>(
      command,
      cli,
      options,
      { on: false, reason: '' },
      async (socket) => {
        const status = await readFromAgent(socket, '/v1/status');
        if (!status.ok) return status;
        const missing = missingOf(status.value);
        return ok({ isDone: missing.length === 0, progress: missing.join('; '), answer: status.value });
      },
      printUndrained,
    ),
  );
}

function printUndrained(status: RouterStatus, isDone: boolean): string {
  const { length } = status.routing.sessions.filter(({ state }) => state === 'Established');
  if (isDone)
    return `${status.router} is in service, ${length} of ${status.routing.sessions.length} sessions established\n`;
  return `${status.router} is not drained any more, but not as wanted:\n${missingOf(status)
    .map((what) => `  ${what}\n`)
    .join('')}`;
}

/** What keeps the router from being in service, in words. */
function missingOf({ drain, routing, lastError }: RouterStatus): readonly string[] {
  if (!drain.isInForce || drain.isOn) {
    return [`BIRD was not given the usual configuration yet${lastError ? `: ${lastError.message}` : ''}`];
  }
  return routing.sessions
    .filter(({ state }) => state !== 'Established' && state !== 'Down')
    .map(
      ({ name, neighbor, state, lastError: why }) => `session ${name} to ${neighbor}: ${state}${why ? `, ${why}` : ''}`,
    );
}

/** `causeway drain`: takes a router out of service, and waits until nothing passes it any more. */
import type { Command } from 'commander';
import type { DrainView } from '../../api/drain-view.ts';
import { readFromAgent } from '../../client/agent-client.ts';
import { ok } from '../../result.ts';
import { type Cli, failUsage, onAction } from '../cli.ts';
import { addDrainOptions, type DrainWaitOptions, orderAndWait } from '../drain-order.ts';

const help = `
Peers are asked to go round the router (GRACEFUL_SHUTDOWN, RFC 8326; highest MED; a longer path), and it goes round its own
peers; its sessions stay up. It is quiet when it forwarded fewer packets a second than --quiet-below three times in a row: then
it may be stopped without a packet lost. What the router itself sends and receives (BGP, BFD, ssh) is not counted.
Without another router that carries the traffic it stays busy. The router stays drained, over restarts, until undrain.

Ends with 0 when it is quiet, with 1 when it is not in time, and says on which interfaces packets still pass.

Examples:
  causeway drain --router tr1                               wait a minute at most
  causeway drain --router tr1 --wait 5m --quiet-below 50    a few packets from the internet do not matter
  causeway drain --router tr1 --reason 'new kernel' --no-wait`;

interface DrainOptions extends DrainWaitOptions {
  readonly quietBelow: string;
  readonly reason: string;
}

/** Looks in a row that must be quiet; each counts for a second. */
const quietLooks = 3;

export function register(command: Command, cli: Cli): void {
  addDrainOptions(command)
    .option('--quiet-below <packets>', 'packets a second below which the router counts as quiet', '10')
    .option('--reason <text>', 'why, for whoever looks at the status', '')
    .addHelpText('after', help);
  onAction(command, async (_: [], options: DrainOptions) => {
    const quietBelow = Number(options.quietBelow);
    if (!/^\d+$/.test(options.quietBelow) || quietBelow < 1) failUsage(command, '--quiet-below takes a number from 1');
    let quiet = 0;
    const order = { on: true, reason: options.reason };
    return orderAndWait<DrainView>(
      command,
      cli,
      options,
      order,
      async (socket) => {
        const answer = await readFromAgent(socket, '/v1/drain');
        if (!answer.ok) return answer;
        const { traffic, isInForce } = answer.value;
        quiet = isInForce && traffic.packetsPerSecond < quietBelow ? quiet + 1 : 0;
        return ok({ isDone: quiet >= quietLooks, progress: printProgress(answer.value), answer: answer.value });
      },
      (view, isDone) => printDrained(view, isDone, quietBelow),
    );
  });
}

function printProgress({ traffic, isInForce }: DrainView): string {
  if (!isInForce) return 'waiting for BIRD to take the configuration that drains the router';
  return `${traffic.packetsPerSecond} packets a second are forwarded`;
}

function printDrained({ router, since, isInForce, traffic }: DrainView, isDone: boolean, quietBelow: number): string {
  const state = `${router} is drained since ${since}`;
  if (isDone) return `${state} and quiet: ${traffic.packetsPerSecond} packets a second are forwarded\n`;
  const pending = isInForce ? '' : ' (BIRD was not given that yet)';
  const busiest = traffic.interfaces
    .slice(0, 10)
    .map(({ name, received, sent }) => `  ${name}: ${received} in, ${sent} out, the router's own packets included\n`);
  return [
    `${state}${pending}; ${traffic.packetsPerSecond} packets a second are forwarded, quiet is below ${quietBelow}\n`,
    ...busiest,
  ].join('');
}

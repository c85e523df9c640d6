/**
 * What `drain` and `undrain` share: the order to the agent, then looks at the router once a second until it is so.
 *
 *   options → POST /v1/drain → look, look, … → done, or what is still missing when the time is up
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { DrainOrder } from '../api/drain-view.ts';
import { type AgentClientError, orderDrainAt } from '../client/agent-client.ts';
import { parseDurationMs } from '../resources/duration.ts';
import type { Result } from '../result.ts';
import { type Cli, failUsage } from './cli.ts';
import { type ExitCode, exitCode } from './exit-code.ts';
import { addLiveOptions, complainOfAgent, findAgent, type LiveOptions, printAs } from './live.ts';

export interface DrainWaitOptions extends LiveOptions {
  /** A duration; false with `--no-wait`. */
  readonly wait: string | false;
}

/** `--router`, `--run-dir`, `-o`, `--wait`, `--no-wait`. */
export function addDrainOptions(command: Command): Command {
  return addLiveOptions(command)
    .option('--wait <duration>', 'how long to wait until it is so', '60s')
    .option('--no-wait', 'give the order and end');
}

export interface Look<T> {
  readonly isDone: boolean;
  /** One line for whoever waits. */
  readonly progress: string;
  readonly answer: T;
}

/** Ends with 0 when a look says that it is done (or with --no-wait), with 1 when the time is up before. */
export async function orderAndWait<T>(
  command: Command,
  cli: Cli,
  options: DrainWaitOptions,
  order: DrainOrder,
  look: (socket: string) => Promise<Result<Look<T>, AgentClientError>>,
  printAsTable: (last: T, isDone: boolean) => string,
): Promise<ExitCode> {
  const waitMs = options.wait === false ? 0 : parseDurationMs(options.wait);
  if (waitMs === undefined) failUsage(command, '--wait takes a duration, such as 60s');
  const socket = await findAgent(cli, options);
  if (!socket.ok) {
    cli.complain(`error: ${socket.error.message}`);
    return socket.error.code;
  }
  const ordered = await orderDrainAt(socket.value, order);
  if (!ordered.ok) return complainOfAgent(cli, ordered.error);
  const deadline = Date.now() + waitMs;
  let said = '';
  for (;;) {
    const looked = await look(socket.value);
    if (!looked.ok) return complainOfAgent(cli, looked.error);
    const { isDone, progress, answer } = looked.value;
    if (isDone || Date.now() >= deadline) {
      cli.print(printAs(options.output, answer, (last) => printAsTable(last, isDone)));
      return isDone || options.wait === false ? exitCode.ok : exitCode.error;
    }
    if (progress !== said) cli.complain(progress);
    said = progress;
    await delay(lookMs);
  }
}

const lookMs = 250;

/** `causeway flows`: packets that policy denied or a Log rule matched, and what staged policy would make of them. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import type { FlowLine, FlowsView } from '../../api/flows-view.ts';
import { type FlowsAsked, followFlowsFrom, readFlowsFrom } from '../../client/follow-flows.ts';
import { parseDurationMs } from '../../resources/duration.ts';
import { type Cli, failUsage, onAction } from '../cli.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { printFlowLine, printFlowTable, printStagedSummaries, printUnrecorded } from '../flow-table.ts';
import { addLiveOptions, complainOfAgent, findAgent, type LiveOptions, printAs } from '../live.ts';

const help = `
Denied packets are told by the kernel under a limit for each place of policy, and so are those of Log rules and samples for
staged policy: what is shown is never more than that, and how many denied packets are missing is said. Packets of one flow
within a second are one record. With -o json every record has both ends with their labels; while following, one on each line.

Examples:
  causeway flows                          what the agent remembers, the oldest first
  causeway flows --denied --since 5m      what policy denied in the last five minutes
  causeway flows --follow                 as they come, until Ctrl-C; goes on when the agent is restarted
  causeway flows --follow -o json | jq -r .rule.name
  causeway flows --staged                 what staged policies would treat otherwise
  causeway flows --summary                how much of the sample each staged policy would allow and deny`;

interface FlowsOptions extends LiveOptions {
  readonly follow?: boolean;
  readonly denied?: boolean;
  readonly staged?: boolean;
  readonly since?: string;
  readonly summary?: boolean;
}

const retryMs = 1000;

export function register(command: Command, cli: Cli): void {
  addLiveOptions(command)
    .option('--follow', 'records as they come, until Ctrl-C')
    .option('--denied', 'only packets that were dropped or rejected')
    .option('--staged', 'only those that staged policy would treat otherwise')
    .option('--since <duration>', 'only of the last 30s, 5m, 2h')
    .option('--summary', 'what each staged policy would do to the sample')
    .addHelpText('after', help);
  onAction(command, async (_: [], options: FlowsOptions) => {
    const ago = parseDurationMs(options.since);
    if (options.since !== undefined && (ago === undefined || ago > Date.now()))
      failUsage(command, '--since takes a duration, such as 5m');
    if (options.follow && options.summary) failUsage(command, '--follow and --summary exclude each other');
    const socket = await findAgent(cli, options);
    if (!socket.ok) {
      cli.complain(`error: ${socket.error.message}`);
      return socket.error.code;
    }
    const asked: FlowsAsked = {
      denied: options.denied === true,
      staged: options.staged === true,
      since: ago === undefined ? undefined : new Date(Date.now() - ago).toISOString(),
    };
    return options.follow ? follow(cli, socket.value, asked, options) : show(cli, socket.value, asked, options);
  });
}

async function show(cli: Cli, socket: string, asked: FlowsAsked, options: FlowsOptions): Promise<ExitCode> {
  const answer = await readFlowsFrom(socket, asked);
  if (!answer.ok) return complainOfAgent(cli, answer.error);
  cli.print(printAs(options.output, answer.value, options.summary ? printSummary : printRecords));
  if (answer.value.error === null) return exitCode.ok;
  cli.complain(`warning: nothing is recorded now: ${answer.value.error}`);
  return exitCode.error;
}

function printRecords({ records, unrecorded }: FlowsView): string {
  const missing = printUnrecorded(unrecorded);
  return printFlowTable(records) + (missing === undefined ? '' : `\n${missing}\n`);
}

function printSummary({ staged, unrecorded }: FlowsView): string {
  const missing = printUnrecorded(unrecorded);
  return printStagedSummaries(staged) + (missing === undefined ? '' : `${missing}\n`);
}

/** Until Ctrl-C; an agent that goes away is waited for, one that is not there at the start is an error. */
async function follow(cli: Cli, socket: string, asked: FlowsAsked, options: FlowsOptions): Promise<ExitCode> {
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  let isWaiting = false;
  let wasThere = false;
  try {
    for (;;) {
      const end = await followFlowsFrom(socket, asked, stop.signal, {
        onOpen() {
          if (isWaiting) cli.complain('the agent is back; records go on');
          isWaiting = false;
          wasThere = true;
        },
        onLine: (line) => printLine(cli, line, options.output),
      });
      if (end.kind === 'stopped') return exitCode.ok;
      // A starting agent refuses for a moment.
      const isRefused = end.kind === 'refused' && end.status !== 503;
      if (isRefused) return complainOfAgent(cli, end);
      if (!wasThere) return complainOfAgent(cli, { kind: 'unreachable', socket, message: 'nobody answers' });
      if (!isWaiting) cli.complain('the agent went away; waiting for it (what happens meanwhile is not shown)');
      isWaiting = true;
      await delay(retryMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt);
  }
}

function printLine(cli: Cli, line: FlowLine, output: LiveOptions['output']): void {
  switch (line.kind) {
    case 'record':
      cli.print(printAsLine(line, output));
      return;
    case 'unrecorded': {
      const missing = printUnrecorded(line.unrecorded);
      if (missing !== undefined) cli.complain(missing);
      return;
    }
    case 'missed':
      cli.complain(`${line.lines} lines were not shown: they came faster than they were read`);
  }
}

function printAsLine({ record }: Extract<FlowLine, { kind: 'record' }>, output: LiveOptions['output']): string {
  switch (output) {
    case 'table':
      return `${printFlowLine(record)}\n`;
    case 'json':
      return `${JSON.stringify(record)}\n`;
    case 'yaml':
      return `---\n${stringify(record)}`;
  }
}

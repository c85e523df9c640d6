/** `causeway limits`: how many prefixes each peer gives and gets, beside what it may. */
import type { Command } from 'commander';
import type { LimitView } from '../../api/limits-view.ts';
import { clearLimitAt, readFromAgent } from '../../client/agent-client.ts';
import { type Cli, onAction } from '../cli.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { addLiveOptions, complainOfAgent, findAgent, type LiveOptions, printAs } from '../live.ts';
import { printTable } from '../table.ts';

const help = `
RECEIVE counts all that the peer sends, IMPORT what was accepted of it, EXPORT what it is told. From 80 % of its limit
on a direction is marked WARN, above it EXCEEDED.
Without --all only sessions and directions with a limit are shown. A session that a limit with
action down has ended stays down until the limit is raised or the peer tells less, and --clear lets it run again.

Examples:
  causeway limits
  causeway limits --all -o json
  causeway limits --clear tr1-dc
  causeway limits --check          exit code 1 when a limit is reached`;

interface LimitsOptions extends LiveOptions {
  readonly all?: boolean;
  readonly check?: boolean;
  readonly clear?: string;
}

export function register(command: Command, cli: Cli): void {
  addLiveOptions(command)
    .option('--all', 'directions without a limit, too')
    .option('--clear <peer>', 'let a peer run again that a limit has ended')
    .option('--check', 'end with 1 when a limit is reached')
    .addHelpText('after', help);
  onAction<[], LimitsOptions>(command, (_, options) => showLimits(cli, options));
}

async function showLimits(cli: Cli, options: LimitsOptions): Promise<ExitCode> {
  const socket = await findAgent(cli, options);
  if (!socket.ok) {
    cli.complain(`error: ${socket.error.message}`);
    return socket.error.code;
  }
  if (options.clear !== undefined) {
    const cleared = await clearLimitAt(socket.value, options.clear);
    if (!cleared.ok) return complainOfAgent(cli, cleared.error);
    cli.print(printAs(options.output, cleared.value, (names) => `running again: ${names.join(', ')}\n`));
    return exitCode.ok;
  }
  const answer = await readFromAgent(socket.value, '/v1/limits');
  if (!answer.ok) return complainOfAgent(cli, answer.error);
  const shown = answer.value.filter(({ limit }) => options.all || limit !== null);
  cli.print(printAs(options.output, shown, printLimits));
  const isReached = shown.some(({ state }) => state === 'exceeded');
  return options.check && isReached ? exitCode.error : exitCode.ok;
}

function printLimits(limits: readonly LimitView[]): string {
  if (limits.length === 0) return 'no session has a limit; --all shows what each peer gives and gets\n';
  return printTable<LimitView>(
    [
      { title: 'PEER', cell: ({ origin, peer }) => origin ?? peer },
      { title: 'NEIGHBOR', cell: ({ neighbor }) => neighbor },
      { title: 'FAMILY', cell: ({ family }) => `IPv${family}` },
      { title: 'DIRECTION', cell: ({ direction }) => direction },
      { title: 'COUNT', cell: ({ count }) => number(count) },
      { title: 'LIMIT', cell: ({ limit }) => number(limit) },
      { title: 'HEAD-ROOM', cell: ({ headRoom }) => number(headRoom) },
      { title: 'ACTION', cell: ({ action }) => action ?? '-' },
      { title: 'STATE', cell: ({ state }) => (state === 'warn' || state === 'exceeded' ? state.toUpperCase() : state) },
    ],
    limits,
  );
}

function number(value: number | null): string {
  return value === null ? '-' : String(value);
}

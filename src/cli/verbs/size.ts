/** `causeway size`: the memory that a planned router needs, and the machine that has it. Reads no files and asks no agent. */
import type { Command } from 'commander';
import { sizeConstants } from '../../size/constants.ts';
import { fitInstances, smallestOf } from '../../size/instances.ts';
import { predictSize, type RouterPlan } from '../../size/predict.ts';
import { type Cli, failUsage, onAction } from '../cli.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { type LiveOptions, printAs } from '../live.ts';
import { addOutputOption } from '../options.ts';
import { printSize, type SizeView } from '../print-size.ts';

const help = `
Each router of a pair is sized to carry all of it alone. --prefixes and --flows are of the hub in all, not of a spoke; --sessions
is of one router, and each session is taken to announce all prefixes of its spoke. A policy is one of ten rules. 30 % of a
machine's memory stay free. Figures are measured ones (npm run bench -- --only size --write measures again); how true the
prediction was is in docs/design/size.md. Ends with 1 when no machine of the list carries it.

Examples:
  causeway size --spokes 200 --prefixes 100000 --flows 500000 --isolated
  causeway size --spokes 200 --prefixes 100000 --ipv6-prefixes 20000 --flows 1000000 --routers 2 --sessions 400
  causeway size --spokes 40 --prefixes 4000 --flows 100000 --policies 1000 --addresses 100000 -o json`;

type Counts = Partial<Record<keyof Omit<RouterPlan, 'routers' | 'isIsolated'>, string>>;

interface SizeOptions extends Counts {
  readonly routers: '1' | '2';
  readonly isolated?: boolean;
  readonly output: LiveOptions['output'];
}

/** More of anything than this is a slip of the finger: 100 times what the largest machine of the list carries. */
const most = 1_000_000_000;

export function register(command: Command, cli: Cli): void {
  addOutputOption(command, ['table', 'json', 'yaml'])
    .requiredOption('--spokes <n>', 'Sites that are attached')
    .requiredOption('--prefixes <n>', 'prefixes that all of them announce together')
    .requiredOption('--flows <n>', 'flows that live at the same time, on both routers together')
    .option('--ipv6-prefixes <n>', 'how many of the prefixes are IPv6', '0')
    .option('--sessions <n>', 'BGP sessions with spokes on one router (default: one for each spoke)')
    .option('--isolated', 'spokes learn nothing of each other; else each session is told all prefixes')
    .option('--policies <n>', 'policies, of ten rules each', '0')
    .option('--addresses <n>', 'addresses with labels: endpoints, and networks in sets', '0')
    .option('--routers <n>', '1, or 2 that share the state of connections', '1')
    .addHelpText('after', help);
  onAction<[], SizeOptions>(command, async (_, options) => showSize(cli, readPlan(command, options), options.output));
}

function readPlan(command: Command, options: SizeOptions): RouterPlan {
  const count = (name: keyof Counts, least: number): number => {
    const text = options[name] ?? '';
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    return failUsage(command, `${optionName(name)} takes a whole number from ${least} to ${most}, not "${text}"`);
  };
  const { routers } = options;
  if (routers !== '1' && routers !== '2') failUsage(command, `--routers takes 1 or 2, not "${routers}"`);
  const spokes = count('spokes', 1);
  const prefixes = count('prefixes', 0);
  const ipv6Prefixes = count('ipv6Prefixes', 0);
  if (ipv6Prefixes > prefixes) failUsage(command, '--ipv6-prefixes are some of --prefixes, so they cannot be more');
  return {
    spokes,
    prefixes,
    ipv6Prefixes,
    sessions: options.sessions === undefined ? spokes : count('sessions', 0),
    isIsolated: options.isolated ?? false,
    flows: count('flows', 0),
    policies: count('policies', 0),
    addresses: count('addresses', 0),
    routers: routers === '2' ? 2 : 1,
  };
}

function optionName(name: keyof Counts): string {
  return `--${name === 'ipv6Prefixes' ? 'ipv6-prefixes' : name}`;
}

function showSize(cli: Cli, plan: RouterPlan, format: LiveOptions['output']): ExitCode {
  const prediction = predictSize(plan, sizeConstants);
  const instances = fitInstances(prediction.totalBytes);
  const smallest = smallestOf(instances).map(({ name }) => name);
  const view: SizeView = { plan, ...prediction, smallest, instances, measuredOn: sizeConstants.measuredOn };
  cli.print(printAs(format, view, printSize));
  return smallest.length === 0 ? exitCode.error : exitCode.ok;
}

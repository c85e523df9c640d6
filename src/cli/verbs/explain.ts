/** `causeway explain packet`: the verdict on a packet, and the rule that gave it; from files, or from the live router. */
import type { Command } from 'commander';
import { explainPacketAt } from '../../client/agent-client.ts';
import { resolveTopology } from '../../intent/topology/resolve-topology.ts';
import { explainQuery } from '../../verdict/explain-query.ts';
import { fibFromTopology } from '../../verdict/fib.ts';
import {
  type PacketQuery,
  type PacketQueryError,
  packetQueryKeys,
  parsePacketQuery,
  parsePacketQueryLine,
} from '../../verdict/packet-query.ts';
import { printVerdict, verdictToJson } from '../../verdict/print-verdict.ts';
import type { Verdict } from '../../verdict/verdict.ts';
import { type Cli, failUsage, onAction } from '../cli.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { answerLines } from '../lines.ts';
import { addRouterOptions, complainOfAgent, findAgent } from '../live.ts';
import { addInputOptions, addOutputOption, type InputOptions } from '../options.ts';
import { loadIntent } from '../router-intent.ts';

const help = `
With -f the answer comes from files alone, and names file and line; without, from the live router's intent and the kernel's
routes. The packet is new, and its source port 49152, unless said. With --out or --local no route is looked up. With --stdin
each line {"in", "src", "dst", "protocol", "sport", "dport", …} gives a line with its verdict, or {"error": "…"}.

Examples:
  causeway explain packet -f network/ --router tr1 --in eth1 --src 10.1.0.5 --dst 10.2.0.9 --protocol tcp --dport 443
  causeway explain packet -f network/ --router tr1 --in eth0 --local in --src 192.0.2.1 --dst 10.0.0.1 --protocol tcp --dport 22
  causeway explain packet -f network/ --router tr1 --stdin -o json < packets.jsonl
  causeway explain packet --in eth1 --src 10.1.0.5 --dst 10.2.0.9 --protocol tcp --dport 443      on the router`;

interface ExplainOptions extends InputOptions, Readonly<Record<string, unknown>> {
  readonly router?: string;
  readonly runDir?: string;
  readonly output: string;
  readonly stdin?: boolean;
}

export function register(command: Command, cli: Cli): void {
  const packet = command.command('packet').description('the verdict on a packet, and the rule that gave it');
  addRouterOptions(addInputOptions(packet))
    .option('--in <interface>', 'interface the packet arrives on')
    .option('--out <interface>', 'interface it leaves by; no route is looked up then')
    .option('--local <direction>', 'in: to the router itself; out: from it')
    .option('--src <address>', 'source address')
    .option('--dst <address>', 'destination address')
    .option('--protocol <protocol>', 'tcp, udp, sctp, icmp, icmpv6, udplite, or a number')
    .option('--sport <port>', 'source port')
    .option('--dport <port>', 'destination port')
    .option('--icmp-type <number>', 'ICMP type; echo request unless said')
    .option('--icmp-code <number>', 'ICMP code')
    .option('--ct <state>', 'new, established, invalid or untracked')
    .option('--stdin', 'JSON lines instead of options');
  addOutputOption(packet, ['table', 'json']).addHelpText('after', help);
  onAction<[], ExplainOptions>(packet, (_, options) => explain(packet, cli, options));
}

async function explain(command: Command, cli: Cli, options: ExplainOptions): Promise<ExitCode> {
  const { router } = options;
  if (options.filename === undefined) return explainLive(command, cli, options);
  if (router === undefined) failUsage(command, 'say which router: --router NAME');
  const query = options.stdin ? undefined : parsePacketQuery(flagsOf(options));
  if (query && !query.ok) failUsage(command, query.error.map(printQueryError('--')).join('\nerror: '));
  const loaded = await loadIntent(command, cli, { ...options, router });
  if (loaded === undefined) return exitCode.error;
  const { snapshot, intent } = loaded;
  const fib = fibFromTopology(resolveTopology(snapshot, router), snapshot.list('Attachment'));
  const answer = (asked: PacketQuery) =>
    explainQuery(intent, fib, asked, (resource, path) => snapshot.locate(resource, path));
  if (query === undefined) return answerQueries(answer);
  cli.print(printAs(options, answer(query.value)));
  return exitCode.ok;
}

/** Asks the router's agent, which knows its own intent and the kernel's routes. */
async function explainLive(command: Command, cli: Cli, options: ExplainOptions): Promise<ExitCode> {
  if (options.stdin) failUsage(command, 'packets on standard input are judged from files: add -f PATH');
  const flags = flagsOf(options);
  const query = parsePacketQuery(flags);
  if (!query.ok) failUsage(command, query.error.map(printQueryError('--')).join('\nerror: '));
  const socket = await findAgent(cli, options);
  if (!socket.ok) {
    cli.complain(`error: ${socket.error}; or add -f PATH to ask files`);
    return exitCode.unreachable;
  }
  const answer = await explainPacketAt(socket.value, flags);
  if (!answer.ok) return complainOfAgent(cli, answer.error);
  cli.print(printAs(options, answer.value));
  return exitCode.ok;
}

function printAs({ output }: ExplainOptions, verdict: Verdict): string {
  return output === 'json' ? `${JSON.stringify(verdictToJson(verdict))}\n` : `${printVerdict(verdict)}\n`;
}

/** Exit code 1 when a line could not be understood; its answer says why. */
async function answerQueries(answer: (query: PacketQuery) => Verdict): Promise<ExitCode> {
  let hasErrors = false;
  await answerLines((line) => {
    const query = parsePacketQueryLine(line);
    if (query.ok) return JSON.stringify(verdictToJson(answer(query.value)));
    hasErrors = true;
    return JSON.stringify({ error: query.error.map(printQueryError('')).join('; ') });
  });
  return hasErrors ? exitCode.error : exitCode.ok;
}

/** The options that describe the packet, under the names the machine form has for them. */
function flagsOf(options: ExplainOptions): Record<string, unknown> {
  return Object.fromEntries(
    packetQueryKeys.map((key) => [key, options[key]]).filter(([, value]) => value !== undefined),
  );
}

function printQueryError(dashes: '' | '--') {
  return ({ key, reason }: PacketQueryError): string => {
    if (key === '') return `the line ${reason}`;
    const name = dashes === '' ? key : `--${key.replace('icmpType', 'icmp-type').replace('icmpCode', 'icmp-code')}`;
    return `${name} ${reason}`;
  };
}

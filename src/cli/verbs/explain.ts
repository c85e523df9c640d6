/** `causeway explain packet` and `route`: the verdict on a packet, and the rule that gave it; what became of a prefix. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { type Explanation, explanationToJson } from '../../api/explanation.ts';
import { explainPacketAt } from '../../client/agent-client.ts';
import { resolveTopology } from '../../intent/topology/resolve-topology.ts';
import { explainQuery, explainStagedQuery } from '../../verdict/explain-query.ts';
import { fibFromTopology } from '../../verdict/fib.ts';
import { makeOwnerLookup, packetEnds } from '../../verdict/packet-ends.ts';
import { packetPath } from '../../verdict/packet-path.ts';
import {
  type PacketQuery,
  type PacketQueryError,
  packetQueryKeys,
  parsePacketQuery,
  parsePacketQueryLine,
} from '../../verdict/packet-query.ts';
import { printVerdict, type VerdictJson, verdictToJson } from '../../verdict/print-verdict.ts';
import { type Cli, failUsage, onAction } from '../cli.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { defaultResourcesFolder } from '../folders.ts';
import { answerLines } from '../lines.ts';
import { addRouterOptions, complainOfAgent, findAgent } from '../live.ts';
import type { LiveComparison } from '../live-trace.ts';
import { locateVerdict } from '../locate-verdict.ts';
import { addInputOptions, addOutputOption, type InputOptions } from '../options.ts';
import { comparisonToJson, printComparison, printExplanation } from '../print-explanation.ts';
import { loadIntent } from '../router-intent.ts';
import { registerExplainRoute } from './explain-route.ts';

const help = `
With -f the answer comes from files alone, and names file and line; without, from the live router's intent and the kernel's
routes, with the nft rule or element that decides and what it has counted, and file and line where its resources lie in
/etc/causeway/resources or --locate PATH. The packet is new, and its source port 49152, unless said. With --out or --local no
route is looked up. --verbose tells of every rule that did not match, and why. With --stdin each line {"in", "src", "dst",
"protocol", "sport", "dport", …} gives a line with its verdict, or {"error": "…"}.

--live, on the router, waits for such a packet (any source port, unless --sport says which) and follows it through the kernel:
exit code 0 when what is observed is what was predicted, 1 when not or when none came. --send sends the packet, which goes
where packets of its sort go: by a raw socket for the router's own, and as if it came in by --in for others, where the
interface's driver can do that.

Examples:
  causeway explain packet -f network/ --router tr1 --in eth1 --src 10.1.0.5 --dst 10.2.0.9 --protocol tcp --dport 443
  causeway explain packet -f network/ --router tr1 --in eth0 --local in --src 192.0.2.1 --dst 10.0.0.1 --protocol tcp --dport 22
  causeway explain packet -f network/ --router tr1 --stdin -o json < packets.jsonl
  causeway explain packet --in eth1 --src 10.1.0.5 --dst 10.2.0.9 --protocol tcp --dport 443      on the router
  causeway explain packet --in eth1 --src 10.1.0.5 --dst 10.2.0.9 --protocol tcp --dport 443 --live`;

interface ExplainOptions extends InputOptions, Readonly<Record<string, unknown>> {
  readonly router?: string;
  readonly runDir?: string;
  readonly output: 'table' | 'json' | 'yaml';
  readonly stdin?: boolean;
  readonly verbose?: boolean;
  readonly locate?: string;
  readonly live?: boolean;
  readonly send?: boolean;
  readonly wait: string;
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
    .option('--ct <state>', 'new, established, related, invalid or untracked')
    .option('--nat-dst <address>', 'where destination NAT of this machine sends it')
    .option('--nat-dport <port>', 'to which port')
    .option('--stdin', 'JSON lines instead of options')
    .option('-v, --verbose', 'rules that did not match, too, with the term that failed')
    .option(
      '--locate <path>',
      `on a router: file or folder with its resources, to name file and line (${defaultResourcesFolder} if it is there)`,
    )
    .option('--live', 'on a router: follow a real packet and compare')
    .option('--send', 'with --live: send the packet instead of waiting for one')
    .option('--wait <seconds>', 'with --live: how long to wait for a packet', '10');
  addOutputOption(packet, ['table', 'json', 'yaml']).addHelpText('after', help);
  packet.showHelpAfterError('(see "causeway explain packet --help")');
  registerExplainRoute(command, cli);
  onAction<[], ExplainOptions>(packet, (_, options) => explain(packet, cli, options));
}

async function explain(command: Command, cli: Cli, options: ExplainOptions): Promise<ExitCode> {
  const { router } = options;
  checkLiveOptions(command, options);
  if (options.filename === undefined) return explainLive(command, cli, options);
  if (router === undefined) failUsage(command, 'say which router: --router NAME');
  const query = options.stdin ? undefined : parsePacketQuery(flagsOf(options));
  if (query && !query.ok) failUsage(command, query.error.map(printQueryError('--')).join('\nerror: '));
  const loaded = await loadIntent(command, cli, { ...options, router });
  if (loaded === undefined) return exitCode.error;
  const { snapshot, intent } = loaded;
  const fib = fibFromTopology(resolveTopology(snapshot, router), snapshot.list('Attachment'));
  const findOwners = makeOwnerLookup(snapshot);
  // Of thousands of packets nobody reads why each rule did not match, unless he asks.
  const detail = options.verbose || !options.stdin ? 'rules' : 'policies';
  const answer = (asked: PacketQuery) => {
    const verdict = explainQuery(intent, fib, asked, snapshot.locate, { detail, findOwners });
    const staged = explainStagedQuery(intent, fib, asked, verdict, snapshot.locate);
    const ends = packetEnds(findOwners, asked.packet);
    const { group } = intent.routing;
    // Files say only what is meant to be shared.
    const path = packetPath(group, ends, verdict, group?.stateSync !== undefined);
    return { verdict, beside: { ends, staged, path } };
  };
  if (query === undefined) {
    return answerQueries((asked) => {
      const { verdict, beside } = answer(asked);
      return verdictToJson(verdict, beside);
    });
  }
  const { verdict, beside } = answer(query.value);
  const isVerbose = options.verbose === true;
  cli.print(
    printOne(options.output, verdictToJson(verdict, beside), () => printVerdict(verdict, { isVerbose, ...beside })),
  );
  return exitCode.ok;
}

/** A second; an hour. */
const [shortestWait, longestWait] = [1, 3600];

function checkLiveOptions(command: Command, options: ExplainOptions): void {
  const { live, filename, stdin, wait, locate } = options;
  for (const name of ['send', 'wait']) {
    if (!live && command.getOptionValueSource(name) === 'cli') failUsage(command, `--${name} is for --live`);
  }
  if (live && (filename !== undefined || stdin))
    failUsage(command, '--live is for a running router, without -f and --stdin');
  if (locate !== undefined && filename !== undefined)
    failUsage(command, '--locate is for a running router: -f names places by itself');
  const seconds = Number(wait);
  if (!(seconds >= shortestWait && seconds <= longestWait)) {
    failUsage(command, `--wait takes ${shortestWait} to ${longestWait} seconds`);
  }
}

/** Asks the router's agent, which knows its own intent and the kernel's routes. */
async function explainLive(command: Command, cli: Cli, options: ExplainOptions): Promise<ExitCode> {
  const flags = flagsOf(options);
  const query = options.stdin ? undefined : parsePacketQuery(flags);
  if (query && !query.ok) failUsage(command, query.error.map(printQueryError('--')).join('\nerror: '));
  const socket = await findAgent(cli, options);
  if (!socket.ok) {
    cli.complain(`error: ${socket.error.message}; or add -f PATH to ask files`);
    return socket.error.code;
  }
  if (query === undefined) return answerLive(socket.value);
  const answer = await explainPacketAt(socket.value, flags);
  if (!answer.ok) return complainOfAgent(cli, answer.error);
  let explanation = answer.value;
  const files = options.locate ?? (existsSync(defaultResourcesFolder) ? defaultResourcesFolder : undefined);
  if (files !== undefined) {
    const located = await locateVerdict(command, cli, files, explanation.verdict);
    // Files that nobody named are a help and no condition.
    if (located === undefined && options.locate !== undefined) return exitCode.error;
    explanation = { ...explanation, verdict: located ?? explanation.verdict };
  }
  if (!options.live) {
    cli.print(printLive(options, explanation));
    return exitCode.ok;
  }
  // It loads the kernel's library calls, which no other form needs.
  const { compareLive } = await import('../live-trace.ts');
  const settings = { waitMs: Number(options.wait) * 1000, sends: options.send === true };
  const compared = await compareLive(socket.value, flags, query.value, explanation, settings, cli.complain);
  if (!compared.ok) {
    if (compared.error.kind === 'agent') return complainOfAgent(cli, compared.error.error);
    cli.complain(`error: ${compared.error.message}`);
    return exitCode.error;
  }
  cli.print(printLive(options, explanation, compared.value));
  return compared.value.isEqual ? exitCode.ok : exitCode.error;
}

function printLive({ output, verbose }: ExplainOptions, explanation: Explanation, live?: LiveComparison): string {
  const json = explanationToJson(explanation);
  return printOne(output, live ? { ...json, live: comparisonToJson(live) } : json, () => {
    const told = printExplanation(explanation, verbose === true);
    return live ? `${told}\n\n${printComparison(live)}` : told;
  });
}

/** JSON is one line, so that answers can be put one below the other. */
function printOne(output: ExplainOptions['output'], json: object, inWords: () => string): string {
  switch (output) {
    case 'table':
      return `${inWords()}\n`;
    case 'json':
      return `${JSON.stringify(json)}\n`;
    case 'yaml':
      return stringify(json);
  }
}

/** As from files, with what the kernel holds; why the agent does not answer is told in the line's place. */
async function answerLive(socket: string): Promise<ExitCode> {
  let hasErrors = false;
  const refuse = (error: string): string => {
    hasErrors = true;
    return JSON.stringify({ error });
  };
  await answerLines(async (line) => {
    const query = parsePacketQueryLine(line);
    if (!query.ok) return refuse(query.error.map(printQueryError('')).join('; '));
    const answer = await explainPacketAt(socket, JSON.parse(line));
    return answer.ok ? JSON.stringify(explanationToJson(answer.value)) : refuse(answer.error.message);
  });
  return hasErrors ? exitCode.error : exitCode.ok;
}

/** Exit code 1 when a line could not be understood; its answer says why. */
async function answerQueries(answer: (query: PacketQuery) => VerdictJson): Promise<ExitCode> {
  let hasErrors = false;
  await answerLines((line) => {
    const query = parsePacketQueryLine(line);
    if (query.ok) return JSON.stringify(answer(query.value));
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
    const name = dashes === '' ? key : `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return `${name} ${reason}`;
  };
}

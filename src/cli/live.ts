/**
 * What the verbs over a running router share: which agent is meant, how it is asked, how its answer is printed.
 *
 *   options → socket ─[client]→ answer → table, JSON or YAML
 */
import { accessSync, constants, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import type { ApiBodies } from '../api/agent-api.ts';
import { type AgentClientError, readFromAgent } from '../client/agent-client.ts';
import { isServed } from '../edge/api-socket.ts';
import { err, ok, type Result } from '../result.ts';
import type { Cli } from './cli.ts';
import { type ExitCode, exitCode } from './exit-code.ts';
import { defaultRunFolder } from './folders.ts';
import { addOutputOption } from './options.ts';

export interface LiveOptions {
  readonly router?: string;
  readonly runDir?: string;
  readonly output: 'table' | 'json' | 'yaml';
}

/** `--router`, `--run-dir`, `-o`. */
export function addLiveOptions(command: Command): Command {
  return addOutputOption(addRouterOptions(command), ['table', 'json', 'yaml']);
}

export function addRouterOptions(command: Command): Command {
  return command
    .option('--router <name>', 'the router; may be left out where only one runs here')
    .option('--run-dir <dir>', `folder of the agents' sockets (also CAUSEWAY_RUN_DIR; ${defaultRunFolder})`);
}

/** The folder that holds a folder for each router. */
export function runFolder(cli: Cli, options: Pick<LiveOptions, 'runDir'>): string {
  return options.runDir ?? cli.env['CAUSEWAY_RUN_DIR'] ?? defaultRunFolder;
}

/** Every agent that answers here, or the one that is named, whether it answers or not. */
export async function findAgents(
  cli: Cli,
  options: Pick<LiveOptions, 'router' | 'runDir'>,
): Promise<readonly { readonly router: string; readonly socket: string }[]> {
  const folder = runFolder(cli, options);
  const names = options.router === undefined ? listFolder(folder) : [options.router];
  const agents: { readonly router: string; readonly socket: string }[] = [];
  for (const router of names) {
    const socket = join(folder, router, 'agent.sock');
    if (await isServed(socket)) agents.push({ router, socket });
  }
  return agents;
}

export interface NoAgent {
  /** In words. */
  readonly message: string;
  readonly code: ExitCode;
}

/** The socket of the agent that is meant, or why that is not plain. */
export async function findAgent(
  cli: Cli,
  options: Pick<LiveOptions, 'router' | 'runDir'>,
): Promise<Result<string, NoAgent>> {
  const folder = runFolder(cli, options);
  const socketOf = (router: string) => join(folder, router, 'agent.sock');
  if (options.router !== undefined) return ok(socketOf(options.router));
  const running = (await findAgents(cli, options)).map(({ router }) => router);
  const [first] = running;
  if (first === undefined) {
    const hint = isForOthers(folder) ? othersOnly : 'start one with causeway agent --router NAME';
    return err({ message: `no agent answers in ${folder}: ${hint}`, code: exitCode.unreachable });
  }
  if (running.length > 1) {
    const message = `several agents run here: say which with --router ${running.join(' | ')}`;
    return err({ message, code: exitCode.usage });
  }
  return ok(socketOf(first));
}

/** Asks the agent and prints its answer: as a table, or whole as JSON or YAML. */
export async function showFromAgent<P extends keyof ApiBodies>(
  cli: Cli,
  options: LiveOptions,
  path: P,
  printAsTable: (body: ApiBodies[P]) => string,
  parameters: Readonly<Record<string, string | undefined>> = {},
): Promise<ExitCode> {
  const socket = await findAgent(cli, options);
  if (!socket.ok) {
    cli.complain(`error: ${socket.error.message}`);
    return socket.error.code;
  }
  const answer = await readFromAgent(socket.value, path, parameters);
  if (!answer.ok) return complainOfAgent(cli, answer.error);
  cli.print(printAs(options.output, answer.value, printAsTable));
  return exitCode.ok;
}

export function complainOfAgent(cli: Cli, error: AgentClientError): ExitCode {
  switch (error.kind) {
    case 'unreachable':
      cli.complain(`error: no agent answers at ${error.socket} (${error.message})`);
      return exitCode.unreachable;
    case 'refused':
      cli.complain(`error: ${error.message}`);
      return exitCode.error;
  }
}

export function printAs<T>(format: LiveOptions['output'], value: T, printAsTable: (value: T) => string): string {
  switch (format) {
    case 'table':
      return printAsTable(value);
    case 'json':
      return `${JSON.stringify(value, undefined, 2)}\n`;
    case 'yaml':
      return stringify(value);
  }
}

const othersOnly = 'its sockets are for the user of the agents alone, run this as him (root)';

/** Whether the folder, or a socket in it, is kept from this user. */
function isForOthers(folder: string): boolean {
  const isKept = (path: string, mode: number): boolean => {
    try {
      accessSync(path, mode);
      return false;
    } catch (cause) {
      return (cause as NodeJS.ErrnoException).code === 'EACCES';
    }
  };
  const sockets = listFolder(folder).map((router) => join(folder, router, 'agent.sock'));
  return isKept(folder, constants.R_OK | constants.X_OK) || sockets.some((socket) => isKept(socket, constants.W_OK));
}

function listFolder(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

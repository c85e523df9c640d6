/**
 * `causeway lab up|check|exec|down|list`: a whole topology in network namespaces.
 *
 * Invariant: expected failures end in one message and an exit code, never in a stack trace.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { type Cli, onAction } from '../src/cli/cli.ts';
import { type ExitCode, exitCode } from '../src/cli/exit-code.ts';
import { addOutputOption } from '../src/cli/options.ts';
import { checkFailover, checkLab, type Printer } from './checks/check.ts';
import { runDemo } from './demo.ts';
import { attachLab, loadLab, openLab } from './harness.ts';
import { renderTable } from './report/table.ts';
import { commandInside, LabFailure } from './sandbox/run.ts';
import { findSandbox, findSandboxes, type Sandbox, stopSandbox } from './sandbox/sandbox.ts';
import { createPrinter, missingPrograms } from './terminal.ts';
import { readLab } from './topology/lab-file.ts';
import { storeOf } from './topology/stores.ts';

const examples = {
  up: ['causeway lab up examples/hybrid/lab.yaml'],
  check: ['causeway lab check examples/hybrid/lab.yaml', 'causeway lab check examples/hybrid/lab.yaml --failover'],
  exec: ['causeway lab exec hybrid tr1 -- ip route', 'causeway lab exec hybrid tr1 -- nft list table inet causeway'],
  down: ['causeway lab down hybrid'],
  list: ['causeway lab list', 'causeway lab list -o json'],
  demo: ['causeway lab demo examples/hybrid/lab.yaml --once'],
} as const;

/** A verb's module, as bin/causeway.ts loads it. */
export function register(lab: Command, cli: Cli): void {
  lab.enablePositionalOptions();
  const printer = () => createPrinter(cli.print, cli.globals().color);
  lab.addHelpText('after', `\nExamples:\n  ${Object.values(examples).flat().join('\n  ')}`);
  const add = (name: keyof typeof examples, summary: string, options?: { hidden: true }): Command =>
    lab
      .command(name, options)
      .description(summary)
      .exitOverride()
      .addHelpText('after', `\nExamples:\n  ${examples[name].join('\n  ')}`)
      .showHelpAfterError(`(see "causeway lab ${name} --help")`);

  onAction<[string], unknown>(
    add('up', 'bring a lab up; it stays until `lab down`').argument('<file>', 'lab file, or the folder of a lab.yaml'),
    ([file]) => endWith(cli, () => up(file, cli)),
  );
  onAction<[string], { failover?: boolean }>(
    add('check', 'check a running lab: sessions, routes, packets')
      .argument('<file>', 'its lab file')
      .option(
        '--failover',
        'also what the file says befalls it: links that are cut and mended, a router that dies and stays dead',
      ),
    ([file], { failover }) => endWith(cli, () => check(file, failover === true, printer())),
  );
  onAction<[string, string, string[]], unknown>(
    add('exec', 'run a program on a node: causeway lab exec hybrid tr1 -- ip route')
      .argument('<lab>', 'name of a running lab, or its file')
      .argument('<node>', 'the node')
      .argument('<command...>', 'the program and its arguments')
      .passThroughOptions(),
    ([name, node, argv]) => endWith(cli, () => exec(name, node, argv)),
  );
  onAction<[string], unknown>(
    add('down', 'end a lab: all its processes, namespaces and files').argument(
      '<lab>',
      'name of a running lab, or its file',
    ),
    ([name]) => endWith(cli, () => down(name)),
  );
  onAction<[string | undefined], { output?: string }>(
    // Labs are found by their processes; a file is accepted as by the other verbs and narrows the list.
    addOutputOption(add('list', 'labs that are up').argument('[lab]', 'only this one'), ['table', 'json']),
    ([name], { output }) => endWith(cli, async () => list(name, output === 'json', cli, printer())),
  );
  onAction<[string], { once?: boolean }>(
    add('demo', 'bring a lab up, check it, and stay until Ctrl-C', { hidden: true })
      .argument('<file>', 'lab file, or the folder of a lab.yaml')
      .option('--once', 'end when all is checked'),
    ([file], { once }) => endWith(cli, () => runDemo(file, { once: once === true, out: printer() })),
  );
}

/** Runs a verb's work; an expected failure is one message. */
async function endWith(cli: Cli, work: () => Promise<number>): Promise<ExitCode> {
  try {
    // What `exec` ran may end with any code at all.
    return (await work()) as ExitCode;
  } catch (error) {
    if (!(error instanceof LabFailure)) throw error;
    cli.complain(`causeway lab: ${error.message}`);
    return exitCode.error;
  }
}

async function up(file: string, cli: Cli): Promise<number> {
  const lab = loadLab(file);
  const missing = await missingPrograms(lab);
  if (missing !== undefined) throw new LabFailure(missing);
  const running = await openLab(lab, 'detached', (step) => cli.complain(step));
  running.endpoints.close();
  cli.print(`lab ${lab.name} is up (process ${running.sandbox.init})\n`);
  return 0;
}

async function check(file: string, withFailover: boolean, printer: Printer): Promise<number> {
  const lab = loadLab(file);
  if (withFailover && lab.spec.failover.length === 0)
    throw new LabFailure(`${lab.file} says of nothing that befalls it`);
  const running = attachLab(lab);
  try {
    const passed = (await checkLab(running, printer)) && (!withFailover || (await checkFailover(running, printer)));
    if (!passed)
      printer.text(`\n  ${printer.paint('red', 'NOT as expected')}; evidence is in ${await running.evidence()}`);
    return passed ? 0 : 1;
  } finally {
    running.endpoints.close();
  }
}

function exec(name: string, node: string, command: readonly string[]): Promise<number> {
  const sandbox = find(name);
  if (!existsSync(`/proc/${sandbox.init}/root/run/netns/${node}`)) {
    throw new LabFailure(`lab ${sandbox.name} has no node ${node}`);
  }
  const inside = commandInside(sandbox, node, [...storeSetting(sandbox, node), ...command], process.cwd());
  const [program = '', ...rest] = inside;
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, { stdio: 'inherit' });
    // The terminal sends Ctrl-C to the child as well; this process only waits for it.
    process.on('SIGINT', () => {});
    child.once('error', (error) => reject(new LabFailure(error.message)));
    child.once('close', (code, signal) => resolve(code ?? (signal === null ? 1 : 130)));
  });
}

/** What a person runs on a router speaks of the resources of that router; a lab outlives its file. */
function storeSetting(sandbox: Sandbox, node: string): string[] {
  const lab = readLab(sandbox.file);
  return lab.ok ? ['env', `CAUSEWAY_STORE=${storeOf(lab.value, node).directory}`] : [];
}

async function down(name: string): Promise<number> {
  const stopped = await stopSandbox(find(name));
  if (!stopped.ok) throw new LabFailure(stopped.error.message);
  return 0;
}

function list(nameOrFile: string | undefined, asJson: boolean, cli: Cli, printer: Printer): number {
  const wanted = nameOrFile === undefined ? undefined : nameOf(nameOrFile);
  const labs = findSandboxes()
    .filter(({ name }) => wanted === undefined || name === wanted)
    .map(({ name, file, init, startedAt }) => ({ name, file, process: init, startedAt: startedAt.toISOString() }));
  if (asJson) cli.print(`${JSON.stringify(labs, null, 2)}\n`);
  else {
    const rows = labs.map((one) => [one.name, String(one.process), one.startedAt, one.file]);
    printer.text(renderTable(['NAME', 'PROCESS', 'SINCE', 'FILE'], rows, printer.paint));
  }
  return 0;
}

function nameOf(nameOrFile: string): string {
  return /[/.]/.test(nameOrFile) ? loadLab(nameOrFile).name : nameOrFile;
}

function find(nameOrFile: string): Sandbox {
  const name = nameOf(nameOrFile);
  const sandbox = findSandbox(name);
  if (sandbox) return sandbox;
  const running = findSandboxes().map((one) => one.name);
  throw new LabFailure(`lab ${name} is not up${running.length === 0 ? '' : `; up are ${running.join(', ')}`}`);
}

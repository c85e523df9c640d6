/**
 * `causeway lab up|check|exec|down|list`: a whole topology in network namespaces.
 *
 * Invariant: expected failures end in one message and an exit code, never in a stack trace.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { checkFailover, checkLab } from './checks/check.ts';
import { runDemo } from './demo.ts';
import { attachLab, loadLab, openLab } from './harness.ts';
import { commandInside, LabFailure } from './sandbox/run.ts';
import { findSandbox, findSandboxes, type Sandbox, stopSandbox } from './sandbox/sandbox.ts';
import { createPrinter, missingPrograms } from './terminal.ts';

/** Adds the verb to the program. */
export function registerLab(program: Command): void {
  const lab = program
    .command('lab')
    .description('a whole topology in network namespaces, with real BIRD, nftables and peers');

  lab
    .command('up')
    .description('bring a lab up; it stays until `lab down`')
    .argument('<file>', 'lab file, or the folder that holds lab.yaml')
    .action((file: string) => endWith(() => up(file)));
  lab
    .command('check')
    .description('check a running lab: sessions, routes, packets')
    .argument('<file>', 'its lab file')
    .option('--failover', 'also kill the router that the file says, which stays dead')
    .action((file: string, options: { failover?: boolean }) => endWith(() => check(file, options.failover === true)));
  lab
    .command('exec')
    .description('run a program on a node: lab exec hybrid tr1 -- ip route')
    .argument('<lab>', 'name of a running lab, or its file')
    .argument('<node>')
    .argument('<command...>')
    .passThroughOptions()
    .action((name: string, node: string, command: string[]) => endWith(() => exec(name, node, command)));
  lab
    .command('down')
    .description('end a lab: all its processes, namespaces and files')
    .argument('<lab>', 'name of a running lab, or its file')
    .action((name: string) => endWith(() => down(name)));
  lab
    .command('list')
    .description('labs that are up')
    .option('-o, --output <format>', 'table or json', 'table')
    // Accepted for symmetry with the other verbs; labs are found by their processes.
    .argument('[file]')
    .action((_file: string | undefined, options: { output: string }) => endWith(async () => list(options.output)));
  lab
    .command('demo', { hidden: true })
    .argument('<file>')
    .option('--once', 'end when all is checked')
    .action((file: string, options: { once?: boolean }) =>
      endWith(() => runDemo(file, { once: options.once === true })),
    );
}

/** Runs a verb's work and ends the process with its exit code: 0 fine, 1 not as expected. */
async function endWith(work: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await work();
  } catch (error) {
    if (!(error instanceof LabFailure)) throw error;
    process.stderr.write(`causeway lab: ${error.message}\n`);
    process.exitCode = 1;
  }
}

async function up(file: string): Promise<number> {
  const lab = loadLab(file);
  const missing = missingPrograms(lab);
  if (missing !== undefined) throw new LabFailure(missing);
  const running = await openLab(lab, 'detached', (step) => process.stderr.write(`${step}\n`));
  running.endpoints.close();
  process.stdout.write(`lab ${lab.name} is up (process ${running.sandbox.init})\n`);
  return 0;
}

async function check(file: string, withFailover: boolean): Promise<number> {
  const running = attachLab(loadLab(file));
  const printer = createPrinter(process.stdout);
  try {
    const passed = (await checkLab(running, printer)) && (!withFailover || (await checkFailover(running, printer)));
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
  const [program = '', ...rest] = commandInside(sandbox, node, command);
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, { stdio: 'inherit' });
    // The terminal sends Ctrl-C to the child as well; this process only waits for it.
    process.on('SIGINT', () => {});
    child.once('error', (error) => reject(new LabFailure(error.message)));
    child.once('close', (code, signal) => resolve(code ?? (signal === null ? 1 : 130)));
  });
}

async function down(name: string): Promise<number> {
  const stopped = await stopSandbox(find(name));
  if (!stopped.ok) throw new LabFailure(stopped.error.message);
  return 0;
}

function list(format: string): number {
  const labs = findSandboxes().map(({ name, file, init, startedAt }) => ({
    name,
    file,
    process: init,
    startedAt: startedAt.toISOString(),
  }));
  if (format === 'json') process.stdout.write(`${JSON.stringify(labs, null, 2)}\n`);
  else
    createPrinter(process.stdout).table(
      ['NAME', 'PROCESS', 'SINCE', 'FILE'],
      labs.map((one) => [one.name, String(one.process), one.startedAt, one.file]),
    );
  return 0;
}

function find(nameOrFile: string): Sandbox {
  const name = /[/.]/.test(nameOrFile) ? loadLab(nameOrFile).name : nameOrFile;
  const sandbox = findSandbox(name);
  if (sandbox) return sandbox;
  const running = findSandboxes().map((one) => one.name);
  throw new LabFailure(`lab ${name} is not up${running.length === 0 ? '' : `; up are ${running.join(', ')}`}`);
}

/**
 * What can befall a router of a group, each as one deed that ends when the operator would go on.
 *
 * Invariant: a deed waits for what it set off (an agent that answers, a route that stands), never for a guessed time.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { eventually } from './eventually.ts';
import type { RunningLab } from './harness.ts';
import { LabFailure, mustRun, run } from './sandbox/run.ts';

export type Disturbance = 'power' | 'link' | 'drain' | 'agent' | 'bird' | 'filter';

/** Those that an operator plans: nothing may be lost of them. */
export const planned: readonly Disturbance[] = ['filter', 'agent', 'drain', 'bird'];

export const titles: Readonly<Record<Disturbance, string>> = {
  power: 'killed: links down, every process dead',
  link: 'its link to the data center cut',
  drain: 'drained, and back',
  agent: 'its agent restarted',
  bird: 'drained, its BIRD restarted, and back',
  filter: 'the import filters of all edited',
};

/** Does it to a router of a lab made like examples/two-routers. */
export async function disturb(running: RunningLab, router: string, what: Disturbance): Promise<void> {
  switch (what) {
    case 'power':
      return running.cutPower(router);
    case 'link':
      await mustRun(running.sandbox, ['ip', 'link', 'set', 'dx0', 'down'], { node: router });
      return;
    case 'drain':
      await order(running, ['drain', '--router', router, '--wait', '60s', '--quiet-below', '10']);
      await order(running, ['undrain', '--router', router, '--wait', '60s']);
      return;
    case 'agent': {
      await endProcess(running, router, 'agent');
      running.startAgent(router);
      await answers(running, router);
      return;
    }
    case 'bird': {
      await order(running, ['drain', '--router', router, '--wait', '60s', '--quiet-below', '10']);
      await endProcess(running, router, 'bird');
      await answers(running, router);
      await sessions(running);
      await order(running, ['undrain', '--router', router, '--wait', '60s']);
      return;
    }
    case 'filter': {
      const { lab } = running;
      const text = readFileSync(resolve(lab.folder, lab.spec.resources, 'sites.yaml'), 'utf8');
      const wider = text.replace('prefixes: [10.1.0.0/16,', 'prefixes: [10.1.0.0/16, 10.103.0.0/16,');
      const applied = await running.causeway(['apply', '-f', '-'], { input: wider });
      if (applied.code !== 0) throw new LabFailure(`apply: ${applied.stderr}`);
      const [row] = await running.routes([
        { on: router, prefix: '10.103.0.0/26', via: ['a-node1'], why: 'its own now' },
      ]);
      if (!row?.passed) throw new LabFailure(`${router} did not learn what the edited filter lets in`);
      return;
    }
  }
}

async function order(running: RunningLab, argv: readonly string[]): Promise<void> {
  const done = await running.causeway(argv, { within: 70_000 });
  if (done.code !== 0) throw new LabFailure(`${argv.join(' ')}: ${done.stdout}${done.stderr}`);
}

async function sessions(running: RunningLab): Promise<void> {
  const rows = await running.sessions();
  if (!rows.every((row) => row.passed)) throw new LabFailure('sessions are not established again');
}

async function answers(running: RunningLab, router: string): Promise<void> {
  const status = await eventually(
    () => running.causeway(['status', '--router', router]),
    ({ code }) => code === 0,
    { within: 30_000 },
  );
  if (status.code !== 0) throw new LabFailure(`${router} is not well again: ${status.stdout}${status.stderr}`);
}

/** As a service manager stops it: SIGTERM, and waits until it is gone. */
async function endProcess(running: RunningLab, router: string, program: 'agent' | 'bird'): Promise<void> {
  const pid = program === 'agent' ? await running.agentProcess(router) : await running.birdProcess(router);
  if (pid === undefined) throw new LabFailure(`${router}: no ${program} runs`);
  await running.signal(pid, 'SIGTERM');
  const left = await eventually(
    () => run(running.sandbox, ['test', '-d', `/proc/${pid}`]),
    ({ code }) => code !== 0,
    { within: 10_000, every: 20 },
  );
  if (left.code === 0) throw new LabFailure(`${router}: its ${program} does not end`);
}

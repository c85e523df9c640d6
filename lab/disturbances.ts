/**
 * What can befall a router of a group, each as one deed that ends when the operator would go on, and how it is mended.
 *
 *   disturb → traffic finds its way → mend → every session and route as before
 *
 * Invariant: a deed waits for what it set off (an agent that answers, a route that stands), never for a guessed time.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { eventually } from './eventually.ts';
import type { RunningLab } from './harness.ts';
import { LabFailure, mustRun, run } from './sandbox/run.ts';

export type Disturbance = 'power' | 'cable' | 'silence' | 'drain' | 'agent' | 'bird' | 'filter';

export const accidents: readonly Disturbance[] = ['silence', 'cable', 'power'];
/** Those that an operator plans: nothing may be lost of them. */
export const planned: readonly Disturbance[] = ['filter', 'agent', 'drain', 'bird'];

/** After the router's name. */
export const titles: Readonly<Record<Disturbance, string>> = {
  power: 'is killed: links down, every process dead',
  cable: 'loses its link to a Site, and sees it',
  silence: 'loses its link to a Site, and its carrier stays',
  drain: 'is drained, and back',
  agent: 'has its agent restarted',
  bird: 'is drained, has its BIRD restarted, and is back',
  filter: 'gets other import filters',
};

/** Does it to a router of a lab made like examples/two-routers. */
export async function disturb(running: RunningLab, router: string, what: Disturbance): Promise<void> {
  switch (what) {
    case 'power':
      return running.cutPower(router);
    case 'cable':
      return setPort(running, router, ['down']);
    case 'silence':
      return setPort(running, router, ['nomaster']);
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
      const wider = readSites(running).replace('prefixes: [10.1.0.0/16,', 'prefixes: [10.1.0.0/16, 10.103.0.0/16,');
      await apply(running, wider);
      const [row] = await running.routes([
        { on: router, prefix: '10.103.0.0/26', via: ['a-node1'], why: 'its own now' },
      ]);
      if (!row?.passed) throw new LabFailure(`${router} did not learn what the edited filter lets in`);
      return;
    }
  }
}

/** As it was before, seen in sessions and kernel routes. */
export async function mend(running: RunningLab, router: string, what: Disturbance): Promise<void> {
  switch (what) {
    case 'power':
      await running.restorePower(router);
      break;
    case 'cable':
      await setPort(running, router, ['up']);
      break;
    case 'silence':
      await setPort(running, router, ['master', 'br0']);
      break;
    case 'filter':
      await apply(running, readSites(running));
      break;
    case 'drain':
    case 'agent':
    case 'bird':
      break;
  }
  await sessions(running);
  const routes = await running.routes();
  if (!routes.every((row) => row.passed)) {
    throw new LabFailure(`routes are not as they were before ${router} ${titles[what]}`);
  }
}

/** The far end of the router's link: a port of the bridge that stands for the network of spoke-a. */
async function setPort(running: RunningLab, router: string, state: readonly string[]): Promise<void> {
  await mustRun(running.sandbox, ['ip', 'link', 'set', router, ...state], { node: 'vpc-a' });
}

function readSites({ lab }: RunningLab): string {
  return readFileSync(resolve(lab.folder, lab.spec.resources, 'sites.yaml'), 'utf8');
}

async function apply(running: RunningLab, text: string): Promise<void> {
  const applied = await running.causeway(['apply', '-f', '-'], { input: text });
  if (applied.code !== 0) throw new LabFailure(`apply: ${applied.stderr}`);
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

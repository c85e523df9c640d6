/**
 * The demo: a lab brought up, checked, and broken, with everything on the screen.
 *
 *   lab file → up → sessions, routes, packets → what befalls it → how to look around → down
 *
 * Invariant: the lab belongs to this process; whatever ends it ends the lab.
 */
import { checkFailover, checkLab, type Printer } from './checks/check.ts';
import { loadLab, openLab, type RunningLab } from './harness.ts';
import { LabFailure } from './sandbox/run.ts';
import { missingPrograms } from './terminal.ts';

/** Exit code: 0 when everything was as the lab file expects, 1 when not; interrupted before the end, 130. */
export async function runDemo(
  file: string,
  options: { readonly once: boolean; readonly out: Printer },
): Promise<number> {
  const { once, out } = options;
  const started = performance.now();
  const seconds = (): string => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  const lab = loadLab(file);
  const missing = await missingPrograms(lab);
  if (missing !== undefined) throw new LabFailure(missing);

  out.title(`Lab ${lab.name}`);
  const progress = (step: string): void => out.text(`  ${out.paint('dim', seconds().padStart(6))}  ${step}`);
  // The sandbox is owned by this process: ending here ends all of it.
  const stop = (): never => process.exit(130);
  for (const signal of signals) process.on(signal, stop);
  const running = await openLab(lab, 'owned', progress);
  try {
    const checked = await checkLab(running, out);
    const survived = await checkFailover(running, out);
    const passed = checked && survived;
    if (passed) out.text(`\n  ${out.paint('green', 'everything is as expected')}, after ${seconds()}`);
    else out.text(`\n  ${out.paint('red', 'NOT as expected')}; evidence is in ${await running.evidence()}`);
    for (const signal of signals) process.off(signal, stop);
    if (!once) {
      showAround(running, out);
      await anySignal();
    }
    return passed ? 0 : 1;
  } finally {
    await running.down();
  }
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function anySignal(): Promise<void> {
  return new Promise((resolve) => {
    // A pending promise alone does not keep a process alive.
    const waiting = setInterval(() => {}, 60_000);
    const end = (): void => {
      clearInterval(waiting);
      resolve();
    };
    for (const signal of signals) process.once(signal, end);
  });
}

function showAround({ lab }: RunningLab, out: Printer): void {
  const routers = Object.entries(lab.spec.nodes).flatMap(([name, { type }]) => (type === 'router' ? [name] : []));
  const killed = lab.spec.failover.flatMap(({ kill }) => kill ?? []);
  const alive = routers.find((name) => !killed.includes(name));
  const frr = Object.entries(lab.spec.nodes).find(([, { type }]) => type === 'frr')?.[0];
  const exec = (node: string, command: string): string => `./bin/causeway lab exec ${lab.name} ${node} -- ${command}`;
  const views = ['status', 'peers', 'routes', 'policy'];
  out.title('The lab stays up until Ctrl-C. In another terminal:');
  const lines = [
    ...(alive === undefined ? [] : views.map((verb) => exec(alive, `./bin/causeway ${verb} --router ${alive}`))),
    ...(alive === undefined ? [] : [exec(alive, 'nft list ruleset'), exec(alive, 'ip route')]),
    ...(frr === undefined ? [] : [exec(frr, `vtysh -N ${frr} -c "show bgp summary"`)]),
    './bin/causeway lab list',
  ];
  out.text(lines.map((line) => `  ${line}`).join('\n'));
}

/**
 * The demo: a lab brought up, checked, and broken, with everything on the screen.
 *
 *   lab file → up → sessions, routes, packets → a router dies → how to look around → down
 *
 * Invariant: the lab belongs to this process; whatever ends it ends the lab.
 */
import { once } from 'node:events';
import { checkFailover, checkLab } from './checks/check.ts';
import { loadLab, openLab, type RunningLab } from './harness.ts';
import { LabFailure } from './sandbox/run.ts';
import { createPrinter, missingPrograms } from './terminal.ts';

/** Exit code: 0 when everything was as the lab file expects, 1 when not, 130 when interrupted before the end. */
export async function runDemo(file: string, options: { readonly once: boolean }): Promise<number> {
  const started = performance.now();
  const seconds = (): string => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  const out = createPrinter(process.stdout);
  const lab = loadLab(file);
  const missing = missingPrograms(lab);
  if (missing !== undefined) throw new LabFailure(missing);

  out.title(`Lab ${lab.name}`);
  let interrupted = false;
  let running: RunningLab | undefined;
  const onSignal = (): void => {
    interrupted = true;
    // Owned by this process, the sandbox would go with it; going first leaves no time in which it is still there.
    running?.down().finally(() => process.exit(130));
    if (!running) process.exit(130);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, onSignal);

  running = await openLab(lab, 'owned', (step) => out.text(`  ${out.paint('dim', seconds().padStart(6))}  ${step}`));
  try {
    const checked = await checkLab(running, out);
    const survived = lab.spec.failover === undefined || (await checkFailover(running, out));
    const passed = checked && survived;
    if (!passed) out.text(`\n  ${out.paint('red', 'NOT as expected')}; evidence is in ${await running.evidence()}`);
    else out.text(`\n  ${out.paint('green', 'everything is as expected')}, after ${seconds()}`);
    if (!options.once) {
      showAround(running, out);
      await once(process, 'SIGINT');
    }
    return passed ? 0 : 1;
  } catch (error) {
    // Interrupted: what was under way fails because the lab is going.
    if (interrupted) return 130;
    throw error;
  } finally {
    if (!interrupted) await running.down();
  }
}

function showAround({ lab }: RunningLab, out: ReturnType<typeof createPrinter>): void {
  const alive = Object.entries(lab.spec.nodes).find(
    ([name, { type }]) => type === 'router' && name !== lab.spec.failover?.kill,
  )?.[0];
  const inside = `./bin/causeway lab exec ${lab.name} ${alive}`;
  out.title('The lab stays up until Ctrl-C. In another terminal:');
  out.text(
    [
      `${inside} -- ./bin/causeway peers`,
      `${inside} -- ./bin/causeway routes`,
      `${inside} -- ./bin/causeway policy`,
      `${inside} -- nft list ruleset`,
      `${inside} -- ip route`,
      `./bin/causeway lab exec ${lab.name} dc -- vtysh -N dc -c "show bgp summary"`,
      `./bin/causeway lab list`,
    ]
      .map((line) => `  ${line}`)
      .join('\n'),
  );
}

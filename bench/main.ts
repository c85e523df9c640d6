/**
 * npm run bench: measures, prints tables, writes JSON.
 *
 *   scripts/bench.sh (sandbox) → [main] → forwarding, compile, change, agent, routing, failover, links, size → report
 *
 * Invariant: exit 0 means that every figure asked for was measured and is written; no figure is judged here.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { measureAgentPart } from './control-plane/agent-part.ts';
import { measureChangePart } from './control-plane/change-part.ts';
import { measureCompilePart } from './control-plane/compile-part.ts';
import { measureFailoverPart } from './failover/failover-part.ts';
import { measureForwardingPart } from './forwarding/forwarding-part.ts';
import { prepareSandbox, sandboxMissing } from './kernel/sandbox.ts';
import { measureLinksPart } from './links/links-part.ts';
import { observeMachine } from './machine.ts';
import { type BenchOptions, parseOptions, usage } from './options.ts';
import { printReport } from './print-report.ts';
import { showProgress } from './progress.ts';
import type { BenchReport } from './report.ts';
import { measureRoutingPart } from './routing/routing-part.ts';
import { measureSizePart } from './size/size-part.ts';

// As process 1 of a process namespace this process has no default signal actions; leaving takes all the rest along.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130));

const options = parseOptions(process.argv.slice(2));
if (!options.ok) fail(64, `${options.error}\n${usage}`);
else if (options.value === 'help') process.stdout.write(`${usage}\n`);
else {
  const missing = sandboxMissing();
  if (missing !== undefined) fail(1, missing);
  else await bench(options.value).catch((error: unknown) => fail(1, explain(error)));
}
// Links that were measured are still up, and we would wait for their daemons.
process.exit();

async function bench(options: BenchOptions): Promise<void> {
  const started = Date.now();
  const machine = observeMachine();
  prepareSandbox();
  const progress = showProgress();
  const wants = (part: BenchOptions['parts'][number]) => options.parts.includes(part);
  const compile = wants('compile') ? await measureCompilePart(options, progress) : undefined;
  const change = wants('change') ? await measureChangePart(options, progress) : undefined;
  const agent = wants('agent') ? await measureAgentPart(options, progress) : undefined;
  const forwarding = wants('forwarding') ? await measureForwardingPart(options, progress) : undefined;
  const routing = wants('routing') ? await measureRoutingPart(options, progress) : undefined;
  const failover = wants('failover') ? await measureFailoverPart(options, progress) : undefined;
  const links = wants('links') ? await measureLinksPart(options, progress) : undefined;
  const size = wants('size') ? await measureSizePart(options, progress) : undefined;
  progress.end();
  const report: BenchReport = {
    version: 1,
    startedAt: new Date(started).toISOString(),
    seconds: (Date.now() - started) / 1000,
    isQuick: options.isQuick,
    machine,
    ...(compile === undefined ? {} : { compile }),
    ...(change === undefined ? {} : { change }),
    ...(agent === undefined ? {} : { agent }),
    ...(forwarding === undefined ? {} : { forwarding }),
    ...(routing === undefined ? {} : { routing }),
    ...(failover === undefined ? {} : { failover }),
    ...(links === undefined ? {} : { links }),
    ...(size === undefined ? {} : { size }),
  };
  mkdirSync(dirname(options.outFile), { recursive: true });
  writeFileSync(options.outFile, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`${printReport(report)}\nFigures: ${options.outFile}\n`);
}

/** What could not be measured, and why; the stack too only for who asks, since most causes lie outside: kernel, rights, load. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return process.env['BENCH_DEBUG'] === undefined ? error.message : (error.stack ?? error.message);
}

function fail(exitCode: number, message: string): void {
  process.stderr.write(`bench: ${message}\n`);
  process.exitCode = exitCode;
}

/**
 * The forwarding part of a run, from routers to rows.
 *
 *   BenchOptions → variants → lanes → measure → [forwarding-part] → ForwardingReport
 */
import { mayRunFifo, pinToCore } from '../kernel/libc.ts';
import type { BenchOptions } from '../options.ts';
import { printPolicy } from '../pipeline.ts';
import { describePolicy } from '../policy-resources.ts';
import type { Progress } from '../progress.ts';
import { type ForwardingReport, reportForwarding } from '../report.ts';
import { buildLanes } from './lane.ts';
import { checkLanes, measureForwarding, type Traffic } from './measure-forwarding.ts';
import { allowRules, type PolicyShape } from './policy-shape.ts';
import { listVariants, type SourceForm } from './variants.ts';

const sizes = { quick: [10, 100], whole: [10, 100, 1000, 10_000] } as const;
const rounds = { quick: 12, whole: 40 } as const;
const framesPerSlice = 4096;

export async function measureForwardingPart(options: BenchOptions, progress: Progress): Promise<ForwardingReport> {
  const extent = options.isQuick ? 'quick' : 'whole';
  progress.show('forwarding: setting up', 0, 1);
  const variants = listVariants(sizes[extent], printOwnPolicy);
  const lanes = buildLanes(variants);
  pinToCore(options.core);
  checkLanes(lanes, 64);
  const measure = (traffic: Traffic) => {
    const onProgress = (done: number, total: number) => progress.show(`forwarding: ${traffic} packets`, done, total);
    return measureForwarding(lanes, traffic, { rounds: rounds[extent], framesPerSlice, onProgress });
  };
  const first = await measure('first');
  const established = await measure('established');
  return {
    framesPerSlice,
    rounds: rounds[extent],
    core: options.core,
    isFifo: mayRunFifo(),
    senderAlone: { first: first.sender, established: established.sender },
    rows: reportForwarding(variants, [...first.lanes, ...established.lanes]),
  };
}

function printOwnPolicy(shape: PolicyShape, sources: SourceForm): string {
  const rules = allowRules(shape);
  const written = rules.map(({ policy, port, app, sourcePrefix }) => {
    return { policy, port, source: sources === 'labels' ? { app } : { network: sourcePrefix } };
  });
  const workloads = rules.flatMap(({ app, hosts }) => hosts.map((address) => ({ address, app })));
  return printPolicy(describePolicy(written, workloads));
}

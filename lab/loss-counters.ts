/**
 * Where the kernels of a lab say that they lost packets: what to look at when a datagram is missing.
 *
 *   nstat, conntrack -S, the router's rules ─[readLossCounters]→ LossCounters, twice ─[printMoved]→ lines
 *
 * Invariant: reading never fails; a counter that cannot be read is left out.
 */
import { mapLimited } from './eventually.ts';
import { run } from './sandbox/run.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import type { Lab } from './topology/lab-file.ts';

/** By `node counter`. */
export type LossCounters = ReadonlyMap<string, number>;

/** Of IP, ICMP, UDP and TCP in either family (RFC 1213, RFC 4293 and Linux's own). */
const tellsOfLoss = /Errors|Errs|Discards|NoRoutes|TimeExcds|DestUnreachs|Drop|Overflow|RetransSegs/;

export async function readLossCounters({ spec }: Lab, sandbox: Sandbox): Promise<LossCounters> {
  const nodes = Object.entries(spec.nodes).filter(([, { type }]) => type !== 'bridge');
  const read = await mapLimited(nodes, 4, async ([node, { type }]) => {
    const say = async (...argv: readonly string[]) => (await run(sandbox, argv, { node, within: 5_000 })).stdout;
    const found = readKernel(await say('nstat', '-asz'));
    if (type === 'router') {
      found.push(...readConntrack(await say('conntrack', '-S')));
      found.push(...readDenials(await say('nft', 'list', 'ruleset')));
    }
    return found.map(([name, count]) => [`${node} ${name}`, count] as const);
  });
  const counters = new Map<string, number>();
  for (const [name, count] of read.flat()) counters.set(name, (counters.get(name) ?? 0) + count);
  return counters;
}

/** Those that grew, a line each. */
export function printMoved(before: LossCounters, after: LossCounters): string[] {
  return [...after]
    .filter(([name, count]) => count > (before.get(name) ?? 0))
    .map(([name, count]) => `${name}: ${before.get(name) ?? 0} → ${count}`);
}

type Count = readonly [name: string, count: number];

function readKernel(text: string): Count[] {
  return [...text.matchAll(/^(\S+) +(\d+)/gm)].flatMap(([, name = '', count]): Count[] =>
    tellsOfLoss.test(name) ? [[name, Number(count)]] : [],
  );
}

/** A line for each CPU. */
function readConntrack(text: string): Count[] {
  return [...text.matchAll(/\b(invalid|insert_failed|drop|early_drop|error|clash_resolve)=(\d+)/g)].map(
    ([, name, count]): Count => [`conntrack ${name}`, Number(count)],
  );
}

/** Rules that end in a denial, by their text. */
function readDenials(text: string): Count[] {
  return text.split('\n').flatMap((line): Count[] => {
    const count = /counter packets (\d+) bytes \d+/.exec(line);
    return count && /deny|drop|reject/.test(line) ? [[line.replace(count[0], 'counter').trim(), Number(count[1])]] : [];
  });
}

/**
 * Which routers a packet and its answer really pass: each router counts what it forwards of one flow, while a probe is sent.
 *
 *   PathCheck × family ─[counters, probe, counters]→ PathRow
 *
 * Invariant: counted by the kernel in a table of the lab's own (`lab_paths`), before any rule of the product decides; the table
 * is gone when the check ends.
 */
import { mustRun, run } from '../sandbox/run.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Lab } from '../topology/lab-file.ts';
import type { PathCheck } from '../topology/lab-schema.ts';
import { dial } from '../topology/wiring.ts';
import { type Endpoints, parsePort, probe } from './packets.ts';

export interface PathRow {
  readonly check: PathCheck;
  readonly family: 4 | 6;
  readonly address: string;
  /** Routers that forwarded packets to the port, and from it; sorted. */
  readonly there: readonly string[];
  readonly back: readonly string[];
  readonly passed: boolean;
}

/** One check after the other: the counters are of one flow at a time. */
export async function readPaths(
  lab: Lab,
  sandbox: Sandbox,
  endpoints: Endpoints,
  checks: readonly PathCheck[],
): Promise<readonly PathRow[]> {
  const routers = Object.entries(lab.spec.nodes)
    .filter(([, { type }]) => type === 'router')
    .map(([name]) => name)
    .sort();
  const rows: PathRow[] = [];
  for (const check of checks) {
    for (const { family, source, address } of dial(lab, check.from, check.to)) {
      const table = describeCounters(family, source, address, check.port);
      await Promise.all(routers.map((node) => mustRun(sandbox, ['nft', '-f', '-'], { node, input: table })));
      try {
        const { answered } = await probe(endpoints, check.from, address, check.port);
        const counts = await Promise.all(routers.map(async (node) => readCounts(sandbox, node)));
        const there = routers.filter((_, index) => (counts[index]?.there ?? 0) > 0);
        const back = routers.filter((_, index) => (counts[index]?.back ?? 0) > 0);
        const expected = [...check.through].sort().join();
        const passed = answered && there.join() === expected && back.join() === expected;
        rows.push({ check, family, address, there, back, passed });
      } finally {
        await Promise.all(routers.map((node) => run(sandbox, ['nft', 'delete table inet lab_paths'], { node })));
      }
    }
  }
  return rows;
}

/** Raw priority: before connection tracking and all policy. */
function describeCounters(family: 4 | 6, source: string, target: string, port: string): string {
  const ip = family === 4 ? 'ip' : 'ip6';
  const { protocol, port: number } = parsePort(port);
  return `table inet lab_paths {
  counter there {}
  counter back {}
  chain forwarded {
    type filter hook forward priority raw; policy accept;
    ${ip} saddr ${source} ${ip} daddr ${target} ${protocol} dport ${number} counter name there
    ${ip} saddr ${target} ${ip} daddr ${source} ${protocol} sport ${number} counter name back
  }
}
`;
}

async function readCounts(sandbox: Sandbox, node: string): Promise<{ there: number; back: number }> {
  const text = await mustRun(sandbox, ['nft', '-j', 'list', 'counters', 'table', 'inet', 'lab_paths'], { node });
  const { nftables } = JSON.parse(text) as { nftables: { counter?: { name: string; packets: number } }[] };
  const packets = (name: string) => nftables.find(({ counter }) => counter?.name === name)?.counter?.packets ?? 0;
  return { there: packets('there'), back: packets('back') };
}

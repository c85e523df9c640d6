/**
 * What an agent shows on its socket: the running agent's own view, and fresh reads of BIRD and the kernel.
 *
 *   RunningAgent, ports → AgentView → api/agent-api.ts
 */
import type { RunningAgent } from '../agent/loop.ts';
import type { AgentPorts } from '../agent/ports.ts';
import type { AgentView } from '../api/agent-api.ts';
import { drainView, trafficRates } from '../api/drain-view.ts';
import { decidingComment, inForceOf, type KernelObjects, placesOf } from '../api/explanation.ts';
import { statusView } from '../api/status-view.ts';
import { findKernelObjects } from '../edge/kernel-objects.ts';
import type { Snapshot } from '../resources/snapshot.ts';
import { err, ok } from '../result.ts';
import { explainQuery, explainStagedQuery } from '../verdict/explain-query.ts';
import { makeOwnerLookup, type OwnerLookup, packetEnds } from '../verdict/packet-ends.ts';
import { packetPath } from '../verdict/packet-path.ts';
import { parsePacketQuery } from '../verdict/packet-query.ts';
import type { Verdict } from '../verdict/verdict.ts';
import { cutDenied, planCut } from './established.ts';
import type { StateSyncKeeper } from './keep-state-sync.ts';
import { readKernelFib } from './kernel-fib.ts';
import { clearLimit, explainRouteAt, readLimits, readPeers, readRoutesFor } from './read-routing.ts';
import type { FlowWatch } from './watch-flows.ts';

/** How long packets are counted for a rate, in ms. */
const measureMs = 1000;

export function createAgentView(
  agent: RunningAgent,
  ports: AgentPorts,
  flows: FlowWatch,
  sync: StateSyncKeeper,
): AgentView {
  return {
    status() {
      const error = flows.error();
      const unseen = error === undefined ? [] : [`packets that policy denies cannot be recorded: ${error}`];
      return statusView(agent.status(), sync.status(), unseen);
    },
    intent: agent.intent,
    peers: () => readPeers(agent, ports),
    routes: (request) => readRoutesFor(agent, ports, request),
    limits: () => readLimits(agent, ports),
    clearLimit: (peer) => clearLimit(agent, ports, peer),
    explainRoute: (prefix, peer) => explainRouteAt(agent, ports, prefix, peer),
    counters: () => ports.table.readCounters(),
    async explainPacket(input) {
      const intent = agent.intent();
      if (intent === undefined) return err({ message: 'there is no intent yet' });
      if (typeof input !== 'object' || input === null) return err({ message: 'the query must be a JSON object' });
      const query = parsePacketQuery(input as Record<string, unknown>);
      if (!query.ok) return err({ message: query.error.map(({ key, reason }) => `${key}: ${reason}`).join('; ') });
      const fib = await readKernelFib(ports.host, intent.routing.confinement);
      if (!fib.ok) return fib;
      const findOwners = ownersOf(agent.snapshot());
      // What a store holds has no file: the client, who may have the files, names positions.
      const options = { detail: 'rules', findOwners } as const;
      const verdict = explainQuery(intent, fib.value, query.value, () => undefined, options);
      const staged = explainStagedQuery(intent, fib.value, query.value, verdict, () => undefined);
      const ends = packetEnds(findOwners, query.value.packet);
      return ok({
        verdict,
        ends,
        path: packetPath(intent.routing.group, ends, verdict, sync.status()?.isShared ?? false),
        ...(staged ? { staged } : {}),
        kernel: await kernelObjectsOf(verdict),
        inForce: inForceOf(agent.status()),
      });
    },
    async drain() {
      const begun = performance.now();
      const before = await ports.host.traffic();
      if (!before.ok) return before;
      await new Promise((resolve) => setTimeout(resolve, measureMs));
      const after = await ports.host.traffic();
      if (!after.ok) return after;
      return ok(drainView(agent.status(), trafficRates(before.value, after.value, performance.now() - begun)));
    },
    setDrain: ({ on, reason }) => agent.setDrain(on, reason),
    planCut: (manifests) => planCut(agent, ports, manifests),
    cutDenied: () => cutDenied(agent, ports),
    flows: flows.view,
    followFlows: flows.follow,
  };
}

const noOwners: OwnerLookup = () => [];

function ownersOf(snapshot: Snapshot | undefined): OwnerLookup {
  return snapshot ? makeOwnerLookup(snapshot) : noOwners;
}

async function kernelObjectsOf(verdict: Verdict): Promise<KernelObjects> {
  const comment = decidingComment(verdict);
  if (comment === undefined) return { comment: null, error: null, objects: [] };
  const found = await findKernelObjects(placesOf(verdict.stage), comment);
  return found.ok ? { comment, error: null, objects: found.value } : { comment, error: found.error, objects: [] };
}

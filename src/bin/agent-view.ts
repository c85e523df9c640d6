/**
 * What an agent shows on its socket: the running agent's own view, and fresh reads of BIRD and the kernel.
 *
 *   RunningAgent, ports → AgentView → api/agent-api.ts
 */
import type { RunningAgent } from '../agent/loop.ts';
import type { AgentPorts } from '../agent/ports.ts';
import type { AgentView } from '../api/agent-api.ts';
import { routesView } from '../api/routes-view.ts';
import { readCounters } from '../nftables/read-counters.ts';
import { err, ok } from '../result.ts';
import { explainQuery } from '../verdict/explain-query.ts';
import { parsePacketQuery } from '../verdict/packet-query.ts';
import { cutDenied, planCut } from './established.ts';
import { readKernelFib } from './kernel-fib.ts';

export function createAgentView(agent: RunningAgent, ports: AgentPorts): AgentView {
  return {
    status: agent.status,
    intent: agent.intent,
    async routes() {
      const [rib, kernel] = await Promise.all([ports.bird.routes(), ports.host.routes()]);
      if (!rib.ok) return rib;
      return kernel.ok ? ok(routesView(rib.value, kernel.value)) : kernel;
    },
    async counters() {
      const listing = await ports.filter.list();
      if (!listing.ok) return listing;
      return ok(listing.value === undefined ? new Map() : readCounters(listing.value));
    },
    async explainPacket(input) {
      const intent = agent.intent();
      if (intent === undefined) return err({ message: 'there is no intent yet' });
      if (typeof input !== 'object' || input === null) return err({ message: 'the query must be a JSON object' });
      const query = parsePacketQuery(input as Record<string, unknown>);
      if (!query.ok) return err({ message: query.error.map(({ key, reason }) => `${key}: ${reason}`).join('; ') });
      const fib = await readKernelFib(ports.host);
      if (!fib.ok) return fib;
      // What a store holds has no file: positions are for `explain packet -f`.
      return ok(explainQuery(intent, fib.value, query.value, () => undefined));
    },
    planCut: (manifests) => planCut(agent, ports, manifests),
    cutDenied: () => cutDenied(agent, ports),
  };
}

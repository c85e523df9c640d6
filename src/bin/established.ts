/**
 * Established flows under the policy in force, or under one that is only planned.
 *
 *   conntrack, kernel routes, intent ─[judgeFlow]→ EstablishedView, and the denied ones deleted where asked for
 *
 * Invariant: only flows that the policy in force denies are ever deleted, never under a planned one.
 */
import type { RunningAgent } from '../agent/loop.ts';
import type { AgentPorts } from '../agent/ports.ts';
import { createTally, type EstablishedView } from '../api/established-view.ts';
import { deleteFlows, pickFlows } from '../edge/conntrack.ts';
import { judgeFlow } from '../flows/established/denied-flows.ts';
import { resolveIntent } from '../intent/resolve-intent.ts';
import type { RouterIntent } from '../intent/router-intent.ts';
import type { AnyResource } from '../resources/resource.ts';
import { updateSnapshot } from '../resources/snapshot.ts';
import { validateResource } from '../resources/validate.ts';
import { err, ok, type Result } from '../result.ts';
import { readKernelFib } from './kernel-fib.ts';

type Failure = { readonly message: string };

/** Flows that would be denied if these resources were applied. */
export async function planCut(
  agent: RunningAgent,
  ports: AgentPorts,
  manifests: readonly unknown[],
): Promise<Result<EstablishedView, Failure>> {
  const snapshot = agent.snapshot();
  if (snapshot === undefined) return err(notReady);
  const resources: AnyResource[] = [];
  for (const manifest of manifests) {
    const read = validateResource(manifest);
    if (read.resource === undefined) return err({ message: 'one of the resources is not valid' });
    resources.push(read.resource);
  }
  const changes = resources.map((resource) => ({ is: 'there', resource }) as const);
  const interfaces = await ports.host.interfaces();
  if (!interfaces.ok) return interfaces;
  const planned = resolveIntent(updateSnapshot(snapshot, changes, snapshot.revision), agent.status().router, {
    interfaces: interfaces.value,
  });
  if (!planned.ok) return err({ message: `there would be no router ${planned.error.router}` });
  return judgeAll(planned.value, ports, false);
}

export async function cutDenied(agent: RunningAgent, ports: AgentPorts): Promise<Result<EstablishedView, Failure>> {
  const intent = agent.intent();
  if (intent === undefined || !agent.status().policy.inSync) return err(notReady);
  return judgeAll(intent, ports, true);
}

const notReady: Failure = { message: 'the kernel does not hold the wanted policy yet' };

async function judgeAll(
  { router, policy, routing }: RouterIntent,
  ports: AgentPorts,
  isCutting: boolean,
): Promise<Result<EstablishedView, Failure>> {
  const fib = await readKernelFib(ports.host, routing.confinement);
  if (!fib.ok) return fib;
  let tally = createTally(router);
  const denied = await pickFlows(
    (flow) => {
      // Without an answer each of its packets opens it anew, under policy as it is now.
      if (!flow.hasReply) return false;
      const judgement = judgeFlow(policy, fib.value, flow);
      tally.count(flow.original, judgement);
      return judgement.kind === 'denied';
    },
    () => {
      tally = createTally(router);
    },
  );
  if (!denied.ok) return denied;
  if (!isCutting) return ok(tally.view(null));
  const deleted = await deleteFlows(denied.value);
  return deleted.ok ? ok(tally.view(deleted.value)) : deleted;
}

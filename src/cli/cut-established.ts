/**
 * What `--cut-established` adds to a write: flows that go on although the new policy denies them are cut.
 *
 *   agents of this machine ─plan→ how many would go        (before anything is written)
 *   written revision ─wait→ in the kernel ─cut→ how many went
 *
 * Invariant: nothing is cut before the kernel was seen to hold the policy that denies it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { EstablishedView } from '../api/established-view.ts';
import { type AgentClientError, cutDeniedAt, planCutAt, readFromAgent } from '../client/agent-client.ts';
import type { AnyResource } from '../resources/resource.ts';
import { writtenForm } from '../resources/written-form.ts';
import { err, ok, type Result } from '../result.ts';

export interface AgentSocket {
  readonly router: string;
  readonly socket: string;
}

type CutResult = Result<readonly EstablishedView[], { readonly router: string; readonly error: AgentClientError }>;

/** How long an agent may take to bring the policy into the kernel. */
const holdTimeoutMs = 60_000;
const lookMs = 50;

/** Nothing changes: what would be cut if the resources were applied. */
export function planCuts(agents: readonly AgentSocket[], resources: readonly AnyResource[]): Promise<CutResult> {
  return askAll(agents, ({ socket }) => planCutAt(socket, resources.map(writtenForm)));
}

/** Waits until each agent's kernel holds the policy of that store revision, then cuts. */
export function cutFlows(agents: readonly AgentSocket[], revision: number): Promise<CutResult> {
  return askAll(agents, async ({ socket }) => {
    const held = await untilHeld(socket, revision);
    return held.ok ? cutDeniedAt(socket) : held;
  });
}

async function askAll(
  agents: readonly AgentSocket[],
  ask: (agent: AgentSocket) => Promise<Result<EstablishedView, AgentClientError>>,
): Promise<CutResult> {
  const views: EstablishedView[] = [];
  for (const agent of agents) {
    const answer = await ask(agent);
    if (!answer.ok) return err({ router: agent.router, error: answer.error });
    views.push(answer.value);
  }
  return ok(views);
}

async function untilHeld(socket: string, revision: number): Promise<Result<void, AgentClientError>> {
  const deadline = Date.now() + holdTimeoutMs;
  for (;;) {
    const status = await readFromAgent(socket, '/v1/status');
    if (!status.ok) return status;
    const { policy, lastError } = status.value;
    if (policy.inSync && (policy.revision ?? 0) >= revision) return ok(undefined);
    if (Date.now() > deadline) {
      const why = lastError === null ? '' : ` (${lastError.message})`;
      const message = `the policy is written, but the kernel does not hold it yet${why}: no flow was cut`;
      return err({ kind: 'refused', status: 504, message });
    }
    await delay(lookMs);
  }
}

/** `tr1: 3 of 120 established flows are cut`, some of them, and why. */
export function printCuts(views: readonly EstablishedView[]): string {
  return views.map(printCut).join('');
}

function printCut({ router, flows, denied, unknown, cut, examples }: EstablishedView): string {
  const what =
    cut === null
      ? `${denied} of ${flows} established flows would be cut`
      : `${cut} of ${flows} established flows were cut`;
  const lines = [`${router}: ${what}`];
  for (const { flow, stage, reason } of examples) lines.push(`  ${flow}  (${stage}: ${reason})`);
  if (denied > examples.length) lines.push(`  … and ${denied - examples.length} more`);
  for (const [reason, count] of Object.entries(unknown)) lines.push(`  ${count} left alone: ${reason}`);
  return lines.map((line) => `${line}\n`).join('');
}

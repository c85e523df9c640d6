/**
 * Status from what was observed.
 *
 *   AgentState ─[statusOf]→ RouterStatus
 */
import type { Warning } from '../intent/router-intent.ts';
import { printFieldPath } from '../resources/document.ts';
import { resourceId } from '../resources/resource.ts';
import type { AgentState } from './state.ts';
import type { RouterStatus } from './status.ts';

/** `now` in ms since the epoch. */
export function statusOf(state: AgentState, now: number): RouterStatus {
  const { desired, filter, bird } = state;
  const intent = desired?.kind === 'router' ? desired.intent : undefined;
  return {
    router: state.router,
    observedAt: new Date(now).toISOString(),
    agent: state.agent,
    store: state.store,
    policy: {
      revision: filter.kind === 'held' ? filter.goal.revision : null,
      inSync: isPolicyInSync(state),
      endpoints: intent?.policy.endpoints.length ?? 0,
      policies: intent?.policy.policies.size ?? 0,
      forwardDefault: intent?.policy.forwardDefault ?? null,
    },
    routing: {
      revision: bird.kind === 'running' ? bird.revision : null,
      bird: bird.kind,
      forwarding: state.forwarding === 'on' || state.forwarding === 'recheck',
      sessions: state.sessions,
    },
    repairs: state.repairs,
    lastError: state.lastError,
    invalid: state.invalid,
    warnings: [...new Set((intent?.warnings ?? []).map(printWarning))],
  };
}

/** `Kind/name field: message`, as far as these are known. */
function printWarning({ subject, path, message }: Warning): string {
  if (subject === undefined) return message;
  const field = path.length === 0 ? '' : ` ${printFieldPath(path)}`;
  return `${resourceId(subject)}${field}: ${message}`;
}

function isPolicyInSync({ desired, filter }: AgentState): boolean {
  if (desired?.kind !== 'router') return false;
  return filter.kind === 'held' && filter.goal.ruleset === desired.filter.ruleset;
}

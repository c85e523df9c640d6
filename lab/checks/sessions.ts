/**
 * BGP sessions as each node's own daemon reports them, against how many the lab file expects.
 *
 * Invariant: a node passes only with exactly the expected number, all of them established.
 */
import { mapLimited } from '../eventually.ts';
import type { SessionState } from '../nodes/node.ts';
import { contextOf, typeOf } from '../nodes/node-types.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Lab } from '../topology/lab-file.ts';

export interface SessionRow {
  readonly node: string;
  readonly expected: number;
  readonly sessions: readonly SessionState[];
  readonly passed: boolean;
}

export async function readSessions(lab: Lab, sandbox: Sandbox): Promise<readonly SessionRow[]> {
  return mapLimited(Object.entries(lab.spec.checks.sessions), 2, async ([node, expected]) => {
    const context = contextOf(lab, sandbox, node);
    const sessions = (await typeOf(context).sessions?.(context)) ?? [];
    const passed = sessions.length === expected && sessions.every(({ isEstablished }) => isEstablished);
    return { node, expected, sessions, passed };
  });
}

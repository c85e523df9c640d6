/**
 * Warnings of files: what resources say about each other, and what the routers they describe would make of them.
 *
 *   Snapshot ─[references, resolveIntent]→ Diagnostic[]
 *
 * Invariant: each place is warned about once by each of the two, and where both speak of one field only the first is told.
 */
import { resolveIntent } from '../intent/resolve-intent.ts';
import type { RouterIntent, Warning } from '../intent/router-intent.ts';
import type { Diagnostic } from '../resources/diagnostic.ts';
import { printFieldPath, shownValue } from '../resources/document.ts';
import type { Snapshot } from '../resources/snapshot.ts';

/** What becomes of forwarded packets that no policy speaks of. */
export interface ForwardingDefault {
  readonly router: string;
  /** Which resource describes it: a Calico Node alone is always open. */
  readonly describedBy: 'Router' | 'Node';
  readonly defaultAction: 'Allow' | 'Deny';
}

/** Every Router, and every Node alone that has a HostEndpoint: sorted names. */
export function routersOf(snapshot: Snapshot): readonly string[] {
  const guarded = snapshot.list('HostEndpoint').map(({ spec }) => spec.node);
  const nodes = guarded.filter((node) => snapshot.find('Node', node) !== undefined);
  return [...new Set([...snapshot.list('Router').map(({ metadata }) => metadata.name), ...nodes])].sort();
}

export function forwardingOf(snapshot: Snapshot, router: string): ForwardingDefault {
  const resource = snapshot.find('Router', router);
  if (!resource) return { router, describedBy: 'Node', defaultAction: 'Allow' };
  return { router, describedBy: 'Router', defaultAction: resource.spec.forwarding?.defaultAction ?? 'Deny' };
}

/** What the intents of these routers warn of, each once, save what the references said already. */
export function warningsOfRouters(
  snapshot: Snapshot,
  routers: readonly string[],
  told: readonly Diagnostic[],
): Diagnostic[] {
  const intents = routers.flatMap((router) => {
    const intent = resolveIntent(snapshot, router);
    return intent.ok ? [intent.value] : [];
  });
  return warningsOfIntents(snapshot, intents, told);
}

export function warningsOfIntents(
  snapshot: Snapshot,
  intents: readonly RouterIntent[],
  told: readonly Diagnostic[],
): Diagnostic[] {
  const places = new Set(told.map(placeOf));
  const found = new Map<string, Diagnostic>();
  for (const warning of intents.flatMap(({ warnings }) => warnings)) {
    const diagnostic = diagnose(snapshot, warning);
    if (!places.has(placeOf(diagnostic))) found.set(`${placeOf(diagnostic)} ${diagnostic.reason}`, diagnostic);
  }
  return [...found.values()];
}

function placeOf({ file, line, column, kind, name, field }: Diagnostic): string {
  return JSON.stringify([file, line, column, kind, name, field]);
}

function diagnose(snapshot: Snapshot, { subject, path, message: reason }: Warning): Diagnostic {
  const place = (subject && snapshot.locate(subject, path)) ?? { file: '', line: 0, column: 0 };
  if (!subject) return { ...place, kind: '', name: '', field: '', value: '', reason };
  const { kind, metadata } = subject;
  return { ...place, kind, name: metadata.name, field: printFieldPath(path), value: shownValue(subject, path), reason };
}

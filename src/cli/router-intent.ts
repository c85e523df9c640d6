/**
 * A router's intent from files alone, for verbs that need no store and no router.
 *
 *   -f PATH… → Snapshot ─[resolveIntent]→ RouterIntent, or undefined after the reasons were printed
 */
import type { Command } from 'commander';
import { printWarning } from '../intent/print-warning.ts';
import { resolveIntent } from '../intent/resolve-intent.ts';
import type { RouterIntent, Warning } from '../intent/router-intent.ts';
import { printDiagnostic } from '../resources/diagnostic.ts';
import { makeSnapshot, type Snapshot } from '../resources/snapshot.ts';
import type { Cli } from './cli.ts';
import { loadResources } from './load-resources.ts';
import type { InputOptions } from './options.ts';
import { judgeReferences } from './references.ts';
import { warningsOfIntents } from './warnings.ts';

export interface OfflineIntent {
  readonly snapshot: Snapshot;
  readonly intent: RouterIntent;
}

/** Prints errors of the files and warnings of the intent. */
export async function loadIntent(
  command: Command,
  cli: Cli,
  options: InputOptions & { readonly router: string },
): Promise<OfflineIntent | undefined> {
  const located = await loadResources(command, cli, options);
  if (located === undefined) return undefined;
  const snapshot = makeSnapshot(located);
  const { errors, warnings } = judgeReferences(snapshot);
  for (const error of errors) cli.complain(printDiagnostic(error));
  if (errors.length > 0) return undefined;
  const intent = resolveIntent(snapshot, options.router);
  if (!intent.ok) {
    const { router, known } = intent.error;
    const hint = known.length === 0 ? 'the files describe no Router and no Node' : `there are ${known.join(', ')}`;
    cli.complain(`error: there is no Router or Node named ${router}: ${hint}`);
    return undefined;
  }
  for (const warning of warnings) cli.complain(`warning: ${printDiagnostic(warning)}`);
  for (const warning of warningsOfIntents(snapshot, [intent.value], warnings))
    cli.complain(`warning: ${printDiagnostic(warning)}`);
  return { snapshot, intent: intent.value };
}

/** The warning after `file:line:column: `, where that is known. */
export function printLocatedWarning(snapshot: Snapshot, warning: Warning): string {
  const place = warning.subject && snapshot.locate(warning.subject, warning.path);
  const where = place === undefined ? '' : `${place.file}:${place.line}:${place.column}: `;
  return `${where}${printWarning(warning)}`;
}

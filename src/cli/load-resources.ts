/**
 * The resources a verb's `-f` names, or what is wrong with them, said to the user.
 *
 *   -f PATH… ─[loadResources]→ LocatedResource[], or undefined after every error was printed
 */
import type { Command } from 'commander';
import { type Diagnostic, printDiagnostic } from '../resources/diagnostic.ts';
import { parseFiles } from '../resources/document.ts';
import type { LocatedResource } from '../resources/snapshot.ts';
import { type Cli, failUsage } from './cli.ts';
import { type InputError, readInput } from './input.ts';
import type { InputOptions } from './options.ts';

export interface Loaded {
  readonly resources: readonly LocatedResource[];
  readonly errors: readonly Diagnostic[];
  readonly warnings: readonly Diagnostic[];
}

/** Reads and parses; files that cannot be read become diagnostics too. Without any `-f` it is a usage error. */
export async function parseInput(command: Command, options: InputOptions): Promise<Loaded> {
  const paths = options.filename ?? [];
  if (paths.length === 0) failUsage(command, 'say which files: -f PATH (a file, a folder, or - for stdin)');
  const input = await readInput(paths, { recursive: options.recursive ?? false });
  const parsed = parseFiles(input.files);
  const told = options.skipEmpty
    ? parsed.errors.filter(({ reason }) => !reason.startsWith('no resources specified'))
    : parsed.errors;
  const unread = options.skipEmpty ? input.errors.filter(({ isEmpty }) => isEmpty !== true) : input.errors;
  return { ...parsed, errors: [...unread.map(asDiagnostic), ...told] };
}

/** About a whole file, so without line and field. */
function asDiagnostic({ path, reason }: InputError): Diagnostic {
  return { file: path, line: 0, column: 0, kind: '', name: '', field: '', value: '', reason };
}

/** As `parseInput`, with errors and warnings printed; undefined when there were errors. */
export async function loadResources(
  command: Command,
  cli: Cli,
  options: InputOptions,
): Promise<readonly LocatedResource[] | undefined> {
  const { resources, errors, warnings } = await parseInput(command, options);
  for (const warning of warnings) cli.complain(`warning: ${printDiagnostic(warning)}`);
  for (const error of errors) cli.complain(printDiagnostic(error));
  return errors.length > 0 ? undefined : resources;
}

/** `3 'Tier' resource(s)`, or `3 resource(s)` when kinds are mixed, as calicoctl counts. */
export function countResources(resources: readonly { readonly kind: string }[]): string {
  const kinds = new Set(resources.map(({ kind }) => kind));
  const [kind] = kinds;
  return kinds.size === 1 ? `${resources.length} '${kind}' resource(s)` : `${resources.length} resource(s)`;
}

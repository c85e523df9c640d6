/**
 * For tests of this folder: short manifests, and their problems with the text that stands at each reported place.
 */
import { parseFile } from './document.ts';
import { kindEntry } from './kinds.ts';

/** A manifest of the kind with this spec (block YAML, not indented); spec lines begin on line 6. */
export function manifest(kind: string, spec: string, name = 'thing'): string {
  const apiVersion = kindEntry(kind)?.apiVersion ?? 'projectcalico.org/v3';
  const block = spec === '' ? '  {}' : spec.replace(/^/gm, '  ');
  return `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata:\n  name: ${name}\nspec:\n${block}\n`;
}

export interface PlacedProblem {
  readonly field: string;
  /** The rest of the line from the reported column on. */
  readonly at: string;
  readonly reason: string;
}

export function problemsOf(text: string): PlacedProblem[] {
  const lines = text.split('\n');
  return parseFile({ path: 'f.yaml', text }).errors.map((error) => ({
    field: error.field,
    at: (lines[error.line - 1] ?? '').slice(error.column - 1),
    reason: error.reason,
  }));
}

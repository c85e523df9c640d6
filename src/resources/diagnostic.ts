/**
 * What is wrong, or merely dangerous, in a user's input: where, what, and how to mend it.
 *
 * Its keys are the JSON that `validate -o json` prints.
 */
export interface Diagnostic {
  readonly file: string;
  /** From 1; 0 when the whole file is meant. */
  readonly line: number;
  readonly column: number;
  /** Empty when the document has none. */
  readonly kind: string;
  readonly name: string;
  /** Dotted path with indexes, `spec.ingress[0].protocol`; empty for the whole document. */
  readonly field: string;
  /** The offending value as JSON text, cut at 200 characters; empty where showing it makes no sense. */
  readonly value: string;
  readonly reason: string;
}

/** `file:line:column: Kind/name field: reason`, the form errors take on a terminal. */
export function printDiagnostic(diagnostic: Diagnostic): string {
  const where = diagnostic.line > 0 ? `${diagnostic.file}:${diagnostic.line}:${diagnostic.column}` : diagnostic.file;
  const subject = [diagnostic.kind && `${diagnostic.kind}/${diagnostic.name}`, diagnostic.field]
    .filter(Boolean)
    .join(' ');
  // What a router derived stands in no file.
  return [where, subject, diagnostic.reason].filter(Boolean).join(': ');
}

/**
 * For tests of this folder: one expectation for tables of manifests that are refused. Fails by throwing, as `src` knows no
 * test framework.
 */
import { parseFile } from './document.ts';
import { problemsOf } from './manifest.fixture.ts';

/** A table row: title, manifest, and the one problem it has: field, the text at its place, reason. */
export type Row = [title: string, text: string, field: string, at: string, reason: RegExp];

export function expectOneProblem(text: string, field: string, at: string, reason: RegExp): void {
  const problems = problemsOf(text);
  const [only] = problems;
  const isExpected = only?.field === field && only.at.startsWith(at) && reason.test(only.reason);
  if (isExpected && problems.length === 1) return;
  throw new Error(`expected one problem, ${field} at ${at} for ${reason}; found ${JSON.stringify(problems, null, 2)}`);
}

/** The parsed spec of a manifest that must have no problem. */
export function specOf(text: string): unknown {
  const { resources, errors } = parseFile({ path: 'f.yaml', text });
  if (errors.length > 0) throw new Error(`expected no problem; found ${JSON.stringify(errors, null, 2)}`);
  return resources[0]?.resource.spec;
}

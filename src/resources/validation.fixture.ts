/**
 * For tests of this folder: one expectation for tables of manifests that are refused.
 */
import { expect } from 'vitest';
import { parseFile } from './document.ts';
import { problemsOf } from './manifest.fixture.ts';

/** A table row: title, manifest, and the one problem it has: field, the text at its place, reason. */
export type Row = [title: string, text: string, field: string, at: string, reason: RegExp];

export function expectOneProblem(text: string, field: string, at: string, reason: RegExp): void {
  const problems = problemsOf(text);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatchObject({ field, reason: expect.stringMatching(reason) });
  expect(problems[0]?.at.startsWith(at)).toBe(true);
}

/** The parsed spec of a manifest that has no problem. */
export function specOf(text: string): unknown {
  const { resources, errors } = parseFile({ path: 'f.yaml', text });
  expect(errors).toEqual([]);
  return resources[0]?.resource.spec;
}

/**
 * `-o custom-columns=A,B`: a column for each path into the resource.
 *
 * A path is dotted (`spec.prefixes`), with or without the leading dot; NAME, NAMESPACE and KIND stand for what they say.
 */
import type { AnyResource } from '../resources/resource.ts';
import type { Column } from './table.ts';

const short: Readonly<Record<string, string>> = {
  name: 'metadata.name',
  namespace: 'metadata.namespace',
  labels: 'metadata.labels',
  kind: 'kind',
};

/** The columns of `custom-columns=…`; each is titled by its own text, or by `TITLE:path`. */
export function customColumns(format: string): Column<AnyResource>[] {
  const texts = format.slice(format.indexOf('=') + 1).split(',');
  return texts
    .filter((text) => text.trim() !== '')
    .map((text) => {
      const [title, path] = splitTitle(text.trim());
      const steps = (short[path.toLowerCase()] ?? path).split('.').filter(Boolean);
      return { title: title.toUpperCase(), cell: (resource) => show(valueAt(resource, steps)) };
    });
}

function splitTitle(text: string): readonly [title: string, path: string] {
  const colon = text.indexOf(':');
  return colon < 0 ? [text.replace(/^\./, ''), text] : [text.slice(0, colon), text.slice(colon + 1)];
}

function valueAt(value: unknown, steps: readonly string[]): unknown {
  let at = value;
  for (const step of steps) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string, unknown>)[step];
  }
  return at;
}

function show(value: unknown): string {
  if (value === undefined || value === null) return '<none>';
  if (Array.isArray(value))
    return value.map((item) => (typeof item === 'object' ? JSON.stringify(item) : String(item))).join(',');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

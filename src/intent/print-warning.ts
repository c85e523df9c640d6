/**
 * A warning in words.
 *
 *   Warning ─[printWarning]→ `Kind/name field: message`, as far as these are known
 */
import { printFieldPath } from '../resources/document.ts';
import { resourceId } from '../resources/resource.ts';
import type { Warning } from './router-intent.ts';

export function printWarning({ subject, path, message }: Warning): string {
  if (subject === undefined) return message;
  const field = path.length === 0 ? '' : ` ${printFieldPath(path)}`;
  return `${resourceId(subject)}${field}: ${message}`;
}

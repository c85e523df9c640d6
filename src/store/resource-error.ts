/**
 * Why a resource could not be read or written, in Calico's words where Calico has words for it (semantics §7.3).
 *
 *   ResourceStore → ResourceError ─[printResourceError]→ one line for a person
 */
import { printResourceName, type ResourceName } from './keys.ts';
import type { StoreError } from './store.ts';

export type ResourceError =
  | { readonly kind: 'not-found'; readonly subject: ResourceName }
  | { readonly kind: 'exists'; readonly subject: ResourceName }
  /** Somebody else changed it since it was read. */
  | { readonly kind: 'conflict'; readonly subject: ResourceName; readonly reason: string }
  /** A rule between resources, or about this one, forbids it; `field` is a dotted path, or empty. */
  | { readonly kind: 'refused'; readonly subject: ResourceName; readonly field: string; readonly reason: string }
  /** The stored object is not a valid resource. */
  | { readonly kind: 'invalid'; readonly subject: ResourceName; readonly reasons: readonly string[] }
  | { readonly kind: 'store'; readonly error: StoreError };

export function printResourceError(error: ResourceError): string {
  switch (error.kind) {
    case 'not-found':
      return `resource does not exist: ${printResourceName(error.subject)}`;
    case 'exists':
      return `resource already exists: ${printResourceName(error.subject)}`;
    case 'conflict':
      return `update conflict: ${printResourceName(error.subject)}: ${error.reason}`;
    case 'refused': {
      const where = error.field === '' ? '' : `${error.field}: `;
      return `operation is not supported on ${printResourceName(error.subject)}: ${where}${error.reason}`;
    }
    case 'invalid':
      return `stored object is not valid: ${printResourceName(error.subject)}: ${error.reasons.join('; ')}`;
    case 'store':
      return printStoreError(error.error);
  }
}

export function printStoreError(error: StoreError): string {
  switch (error.kind) {
    case 'unavailable':
      return error.message;
    case 'conflict':
      return `update conflict: somebody else is writing ${error.key}`;
    case 'compacted':
      return `the store no longer knows what changed since revision ${error.revision}`;
  }
}

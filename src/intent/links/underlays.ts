/**
 * What carries the outer packets of a tunnel, where its Attachment says so.
 *
 *   AttachmentFacts[] ─[findUnderlay]→ AttachmentFacts, none, or why there is none
 *
 * Invariant: a chain of `over` ends: an Attachment that is carried by itself, however many others lie between, has no
 * underlay, and neither has one that is carried by such a one.
 */
import { maxUnderlays } from '../../resources/link-paths.ts';
import type { AttachmentFacts } from '../topology/topology.ts';

export type UnderlayChoice =
  /** The router's own routes lead to the peer. */
  | { readonly kind: 'routed' }
  | { readonly kind: 'over'; readonly attachment: AttachmentFacts }
  | { readonly kind: 'missing'; readonly name: string }
  | { readonly kind: 'deep' }
  /** Names from the Attachment to the one that was met before. */
  | { readonly kind: 'loop'; readonly names: readonly string[] };

/** `byName` holds this router's Attachments. */
export function findUnderlay(
  attachment: AttachmentFacts,
  byName: ReadonlyMap<string, AttachmentFacts>,
): UnderlayChoice {
  const { over } = attachment.resource.spec;
  if (over === undefined) return { kind: 'routed' };
  const names = [attachment.name];
  for (let name: string | undefined = over; name !== undefined; name = byName.get(name)?.resource.spec.over) {
    const isMet = names.includes(name);
    names.push(name);
    if (isMet) return { kind: 'loop', names };
    if (names.length > maxUnderlays + 1) return { kind: 'deep' };
  }
  const found = byName.get(over);
  return found ? { kind: 'over', attachment: found } : { kind: 'missing', name: over };
}

/**
 * An Attachment's link as its schema has it, whatever the store holds.
 *
 *   AttachmentFacts ─[readLink]→ AttachmentLink, or the first thing that is wrong with it
 *
 * Invariant: total; never throws.
 */
import { interfaceName } from '../../resources/fields.ts';
import type { AttachmentLink } from '../../resources/link.ts';
import { linkSchema } from '../../resources/link-schema.ts';
import type { FieldPath } from '../../resources/resource.ts';
import { child, type Problem, rootAt } from '../../resources/schema.ts';
import { err, ok, type Result } from '../../result.ts';
import type { AttachmentFacts } from '../topology/topology.ts';

export interface LinkProblem {
  /** Of the Attachment. */
  readonly path: FieldPath;
  readonly reason: string;
}

export function readLink({ resource, paths }: AttachmentFacts): Result<AttachmentLink, LinkProblem> {
  const problems: Problem[] = [];
  const at = child(rootAt(problems), 'spec', 'link');
  const link = linkSchema(resource.spec.link, at);
  // A device that no name is written for is named after the Attachment, whose name may be none that a device can have.
  for (const path of paths) interfaceName(path.interfaceName, at);
  const problem = problems.find(({ severity }) => severity === 'error');
  if (link && !problem) return ok(link);
  return err({ path: problem?.path ?? ['spec', 'link'], reason: problem?.reason ?? 'it is not understood' });
}

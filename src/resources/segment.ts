/**
 * Segment: who may exchange routes with whom.
 *
 * Sites of one segment exchange routes with each other unless `isolated`; two segments do only when each names the other.
 */
import { name } from './fields.ts';
import { boolean, list, object, omitEmpty } from './schema.ts';

export interface SegmentSpec {
  readonly exchangeWith?: readonly string[];
  /** Sites of this segment do not learn each other's routes. */
  readonly isolated?: boolean;
}

export const segmentSchema = object<SegmentSpec>({
  exchangeWith: omitEmpty(list(name, { unique: true })),
  isolated: omitEmpty(boolean),
});

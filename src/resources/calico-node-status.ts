/** CalicoNodeStatus: what Calico reports of a node's BGP (semantics §1.17); its status is our output. */
import { name } from './fields.ts';
import { integer, list, object, oneOf, required } from './schema.ts';

export interface CalicoNodeStatusSpec {
  readonly node: string;
  readonly classes: readonly ('Agent' | 'BGP' | 'Routes')[];
  readonly updatePeriodSeconds: number;
}

export const calicoNodeStatusSchema = object<CalicoNodeStatusSpec>({
  node: required(name),
  classes: required(list(oneOf('Agent', 'BGP', 'Routes'), { min: 1, unique: true })),
  updatePeriodSeconds: required(integer(0, 86_400)),
});

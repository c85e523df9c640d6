/** A machine at the edge of a lab: addresses, default routes, and the listeners of its `services`. */
import type { NodeType } from './node.ts';
import { endSystem } from './sysctls.ts';

export const hostNode: NodeType<'host'> = {
  sysctls: endSystem,
  evidence: () => ({}),
};

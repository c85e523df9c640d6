/** The table of node types, and the way from a name in a lab file to the node at work. */
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Lab } from '../topology/lab-file.ts';
import type { NodeSpec } from '../topology/lab-schema.ts';
import { birdNode } from './bird.ts';
import { birdRouterNode } from './bird-router.ts';
import { bridgeNode } from './bridge.ts';
import { frrNode } from './frr.ts';
import { hostNode } from './host.ts';
import type { NodeContext, NodeType } from './node.ts';
import { podNode } from './pod.ts';
import { routerNode } from './router.ts';
import { tunnelEndpointNode } from './tunnel-endpoint.ts';

const nodeTypes: { readonly [T in NodeSpec['type']]: NodeType<T> } = {
  router: routerNode,
  frr: frrNode,
  'bird-router': birdRouterNode,
  'tunnel-endpoint': tunnelEndpointNode,
  bird: birdNode,
  host: hostNode,
  pod: podNode,
  bridge: bridgeNode,
};

/** The type of a node, joined with the node: TypeScript cannot see by itself that the two belong together. */
export function typeOf(context: NodeContext): NodeType<NodeSpec['type']> {
  return nodeTypes[context.spec.type] as NodeType<NodeSpec['type']>;
}

export function contextOf(lab: Lab, sandbox: Sandbox, name: string): NodeContext {
  const spec = lab.spec.nodes[name];
  if (!spec) throw new Error(`no node ${name}`);
  return { lab, sandbox, name, spec };
}

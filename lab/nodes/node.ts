/**
 * What every type of node can do; the types themselves are in a file each, and in the table of node-types.ts.
 *
 *   Lab → prepare (namespaces, sysctls) → links → [settle → launch] per node → probes and checks
 */

import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Lab } from '../topology/lab-file.ts';
import type { NodeOf, NodeSpec } from '../topology/lab-schema.ts';

/** A node at work: where it is, what it is called, and what the file says of it. */
export interface NodeContext<T extends NodeSpec['type'] = NodeSpec['type']> {
  readonly lab: Lab;
  readonly sandbox: Sandbox;
  readonly name: string;
  readonly spec: NodeOf<T>;
}

export interface SessionState {
  /** The peer's address. */
  readonly neighbor: string;
  readonly remoteAs: number;
  readonly isEstablished: boolean;
  /** As the daemon words it. */
  readonly state: string;
}

/** One type of node. */
export interface NodeType<T extends NodeSpec['type']> {
  /** Kernel settings, as paths under /proc/sys, written before any interface exists. */
  readonly sysctls: Readonly<Record<string, string | number>>;
  /** Lines for `ip -batch` in the node's namespace, after all links are there and before any address is on one. */
  settle?(context: NodeContext<T>): readonly string[];
  /** Starts the node's programs and returns; whether they work is for `whatIsMissing` to say. */
  launch?(context: NodeContext<T>): Promise<void>;
  /** Undefined once the node's programs answer, else what is missing still. */
  whatIsMissing?(context: NodeContext<T>): Promise<string | undefined>;
  /** What can be configured only once the programs answer. */
  configure?(context: NodeContext<T>): Promise<void>;
  /** BGP sessions as the node's own daemon reports them; absent for types without BGP. */
  sessions?(context: NodeContext<T>): Promise<readonly SessionState[]>;
  /** For the evidence folder: by file name, a command to run on the node whose output says how it is. */
  evidence(context: NodeContext<T>): Readonly<Record<string, readonly string[]>>;
}

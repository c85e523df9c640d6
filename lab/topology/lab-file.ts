/**
 * The file that describes a lab: nodes, links, what must be reachable, and what is to befall it.
 *
 *   lab.yaml ─[parseLab]→ Lab → nodes/, links/, checks/, failover
 *
 * Invariant: a Lab that exists as this type is consistent: every name it mentions is a node of the right type, names are
 * safe as interface, namespace and file names, and addresses are CIDRs. All errors of a file are reported at once.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isMap, LineCounter, type ParsedNode, parseDocument } from 'yaml';
import type { ZodError } from 'zod';
import { err, ok, type Result } from '../../src/result.ts';
import { type LabSpec, type LinkEnd, labSchema, type NodeSpec } from './lab-schema.ts';

export interface Lab {
  readonly name: string;
  /** Absolute path of the file. */
  readonly file: string;
  /** Absolute path of the folder that relative paths in the file start from. */
  readonly folder: string;
  readonly spec: LabSpec;
}

export interface LabFileError {
  readonly kind: 'lab-file';
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly field: string;
  readonly message: string;
}

type Path = readonly (string | number)[];
type Problem = { readonly path: Path; readonly message: string };

/** Reads and checks a lab file; a folder stands for the `lab.yaml` in it. */
export function readLab(path: string): Result<Lab, readonly LabFileError[]> {
  const file = resolve(path.endsWith('.yaml') || path.endsWith('.yml') ? path : `${path}/lab.yaml`);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const message = `cannot read it: ${(error as NodeJS.ErrnoException).code}`;
    return err([{ kind: 'lab-file', file, line: 1, column: 1, field: '', message }]);
  }
  return parseLab(text, file);
}

/** Checks the text of a lab file. `file` is for messages, and for the folder that relative paths start from. */
export function parseLab(text: string, file: string): Result<Lab, readonly LabFileError[]> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number, field: string, message: string): LabFileError => {
    const { line, col } = lines.linePos(offset);
    return { kind: 'lab-file', file, line, column: col, field, message };
  };
  if (document.errors.length > 0) return err(document.errors.map((error) => at(error.pos[0], '', error.message)));

  const parsed = labSchema.safeParse(document.toJS({ maxAliasCount: 100 }));
  const problems = parsed.success ? findInconsistencies(parsed.data.spec) : listIssues(parsed.error);
  if (problems.length > 0 || !parsed.success) {
    return err(problems.map(({ path, message }) => at(offsetOf(document.contents, path), printPath(path), message)));
  }
  return ok({ name: parsed.data.metadata.name, file, folder: dirname(file), spec: parsed.data.spec });
}

/** `file:line:column: field: message`, one a line. */
export function printLabFileErrors(errors: readonly LabFileError[]): string {
  return errors
    .map((e) => `${e.file}:${e.line}:${e.column}: ${e.field === '' ? '' : `${e.field}: `}${e.message}`)
    .join('\n');
}

/** Both ends of a link, in the order of the file. */
export function linkEnds(link: Readonly<Record<string, LinkEnd>>): readonly (readonly [string, LinkEnd])[] {
  return Object.entries(link);
}

function findInconsistencies(spec: LabSpec): Problem[] {
  const problems: Problem[] = [];
  const nodeOf = (name: string, path: Path): NodeSpec | undefined => {
    const node = spec.nodes[name];
    if (!node)
      problems.push({ path, message: `there is no node ${name}; nodes are ${Object.keys(spec.nodes).join(', ')}` });
    return node;
  };
  const interfaces = new Set<string>();
  const occupy = (node: string, device: string, path: Path): void => {
    const key = `${node}:${device}`;
    if (interfaces.has(key)) problems.push({ path, message: `${key} is on another link already` });
    interfaces.add(key);
  };
  for (const [index, link] of spec.links.entries()) {
    if (Object.keys(link).length !== 2)
      problems.push({ path: ['links', index], message: 'a link joins exactly two nodes' });
    for (const [node, end] of linkEnds(link)) {
      const path = ['links', index, node];
      nodeOf(node, path);
      occupy(node, end.interface, path);
      for (const [number, vlan] of end.vlans.entries()) {
        occupy(node, vlan.interface, [...path, 'vlans', number]);
        if (end.vlans.findIndex(({ id }) => id === vlan.id) !== number)
          problems.push({ path: [...path, 'vlans', number, 'id'], message: `VLAN ${vlan.id} is there already` });
      }
    }
  }
  for (const [index, tunnel] of spec.tunnels.entries()) {
    const path = ['tunnels', index];
    if (Object.keys(tunnel).length !== 2) problems.push({ path, message: 'a tunnel joins exactly two nodes' });
    for (const node of Object.keys(tunnel)) nodeOf(node, [...path, node]);
  }
  for (const [name, node] of Object.entries(spec.nodes)) {
    if (node.type === 'pod') {
      const on = nodeOf(node.on, ['nodes', name, 'on']);
      if (on && on.type !== 'bird')
        problems.push({ path: ['nodes', name, 'on'], message: 'pods run on nodes of type bird' });
    }
    if (node.type === 'tunnel-endpoint') {
      const { on, interface: device } = node.device;
      nodeOf(on, ['nodes', name, 'device', 'on']);
      occupy(on, device, ['nodes', name, 'device']);
      if (!spec.secrets.includes(node.psk))
        problems.push({ path: ['nodes', name, 'psk'], message: `${node.psk} is none of the lab's secrets` });
    }
  }
  for (const [index, check] of spec.checks.packets.entries()) {
    const path = ['checks', 'packets', index];
    nodeOf(check.from, [...path, 'from']);
    nodeOf(check.to, [...path, 'to']);
  }
  for (const [index, check] of spec.checks.paths.entries()) {
    for (const name of [check.from, check.to]) nodeOf(name, ['checks', 'paths', index]);
    for (const name of check.through) {
      const path = ['checks', 'paths', index, 'through'];
      const node = nodeOf(name, path);
      if (node && node.type !== 'router') problems.push({ path, message: 'only nodes of type router are counted' });
    }
  }
  for (const [index, check] of spec.checks.routes.entries()) {
    for (const node of [check.on, ...check.via]) nodeOf(node, ['checks', 'routes', index]);
  }
  for (const node of Object.keys(spec.checks.sessions)) nodeOf(node, ['checks', 'sessions', node]);
  for (const [index, failure] of spec.failover.entries()) {
    const { kill, cut, streams, routes } = failure;
    const path = ['failover', index];
    if ((kill === undefined) === (cut === undefined))
      problems.push({ path, message: 'either a router to kill or a link to cut' });
    const killed = kill === undefined ? undefined : nodeOf(kill, [...path, 'kill']);
    if (killed && killed.type !== 'router') {
      problems.push({ path: [...path, 'kill'], message: 'the node to kill must be of type router' });
    }
    if (cut && nodeOf(cut.node, [...path, 'cut', 'node']) && !interfaces.has(`${cut.node}:${cut.interface}`)) {
      problems.push({ path: [...path, 'cut', 'interface'], message: `${cut.node} has no link at ${cut.interface}` });
    }
    for (const [number, { from, to }] of streams.entries()) {
      for (const node of [from, to]) nodeOf(node, [...path, 'streams', number]);
    }
    for (const [number, { on, via }] of routes.entries()) {
      for (const node of [on, ...via]) nodeOf(node, [...path, 'routes', number]);
    }
  }
  return problems.map(({ path, message }) => ({ path: ['spec', ...path], message }));
}

function listIssues(error: ZodError): Problem[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path as Path;
    if (issue.code !== 'unrecognized_keys') return [{ path, message: issue.message }];
    return issue.keys.map((key) => ({ path: [...path, key], message: 'there is no such field' }));
  });
}

/** Offset of the value at a path, or of the deepest thing on the way that exists. */
function offsetOf(node: ParsedNode | null, path: Path): number {
  let offset = node?.range?.[0] ?? 0;
  let current: unknown = node;
  for (const step of path) {
    if (isMap(current)) {
      const pair = current.items.find((item) => String(item.key) === String(step));
      if (!pair) break;
      offset = (pair.key as ParsedNode).range[0];
      current = pair.value;
    } else if (typeof current === 'object' && current !== null && 'items' in current) {
      current = (current as { items: readonly unknown[] }).items[Number(step)];
      offset = (current as ParsedNode | undefined)?.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}

function printPath(path: Path): string {
  return path.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('');
}

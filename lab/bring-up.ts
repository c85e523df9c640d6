/**
 * From a Lab to a running topology, in the order of dependence.
 *
 *   sandbox → namespaces → kernel settings → links → addresses → endpoints → resources → programs → all answer → keys
 *
 * Invariant: returns only when every node's programs answer, or throws LabFailure with the first reason.
 */
import { relative } from 'node:path';
import { eventually, mapLimited } from './eventually.ts';
import { createLinks, dressLinks } from './links/veth.ts';
import { tagLinks } from './links/vlan.ts';
import { exchangeKeys } from './links/wireguard-keys.ts';
import type { NodeContext } from './nodes/node.ts';
import { contextOf, typeOf } from './nodes/node-types.ts';
import { causewayProgram } from './package-root.ts';
import { startEndpoint } from './probe/endpoint-client.ts';
import { LabFailure, mustRun } from './sandbox/run.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import { makeSecrets } from './sandbox/secrets.ts';
import type { Lab } from './topology/lab-file.ts';
import { storesOf } from './topology/stores.ts';

/** Told of each step as it begins. */
export type Progress = (step: string) => void;

/** Milliseconds for a node's programs to answer. */
const readyWithin = 20_000;
/** Programs started at the same time: the machine may have two cores. */
const width = 4;

/** Makes the whole topology of a lab inside an empty sandbox. */
export async function bringUp(lab: Lab, sandbox: Sandbox, progress: Progress = () => {}): Promise<void> {
  const contexts = Object.keys(lab.spec.nodes).map((name) => contextOf(lab, sandbox, name));

  progress(`${contexts.length} namespaces, ${lab.spec.links.length} links`);
  await ipBatch(
    sandbox,
    undefined,
    contexts.map(({ name }) => `netns add ${name}`),
  );
  await mapLimited(contexts, width, writeSysctls);
  await ipBatch(sandbox, undefined, createLinks(lab));
  await mapLimited(contexts, width, dress);
  for (const { name } of contexts) await tagLinks(lab, sandbox, name);

  makeSecrets(sandbox, lab.spec.secrets);
  progress('services and probes');
  await mapLimited(contexts.filter(hasEndpoint), width, startEndpoint);

  for (const { directory, resources } of storesOf(lab)) {
    progress(`resources from ${relative(lab.folder, resources)}`);
    await mustRun(sandbox, [causewayProgram(), '--store', directory, 'apply', '-f', resources]);
  }

  progress('BIRD, FRR and the agents');
  await mapLimited(contexts, width, async (context) => await typeOf(context).launch?.(context));
  await mapLimited(contexts, width, awaitReady);
  await exchangeKeys(lab, sandbox);
}

/** Everything but bridges can send and receive. */
export function hasEndpoint({ spec }: NodeContext): boolean {
  return spec.type !== 'bridge';
}

/** Kernel settings, addresses and links of a node whose ends of links are there. */
export async function wireNode(context: NodeContext): Promise<void> {
  await writeSysctls(context);
  await dress(context);
}

/** Its endpoint and its programs, until they answer. */
export async function startNode(context: NodeContext): Promise<void> {
  if (hasEndpoint(context)) await startEndpoint(context);
  await typeOf(context).launch?.(context);
  await awaitReady(context);
}

async function dress(context: NodeContext): Promise<void> {
  const { lab, sandbox, name, spec } = context;
  const gateways = spec.type === 'bridge' ? [] : spec.gateways;
  await ipBatch(sandbox, name, [
    'link set lo up',
    ...dressLinks(lab, name),
    ...(typeOf(context).settle?.(context) ?? []),
    ...gateways.map((via) => `route add default via ${via}`),
  ]);
}

async function writeSysctls(context: NodeContext): Promise<void> {
  const pairs = Object.entries(typeOf(context).sysctls).map(([path, value]) => `${path}=${value}`);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's braces, not ours
  const write = 'for pair; do echo "${pair#*=}" > "/proc/sys/${pair%%=*}"; done';
  await mustRun(context.sandbox, ['sh', '-ec', write, 'sysctl', ...pairs], { node: context.name });
}

async function awaitReady(context: NodeContext): Promise<void> {
  const missing = await eventually(
    async () => typeOf(context).whatIsMissing?.(context),
    (reason) => reason === undefined,
    { within: readyWithin, every: 150 },
  );
  if (missing !== undefined) throw new LabFailure(`${context.name}: ${missing}`);
  await typeOf(context).configure?.(context);
}

async function ipBatch(sandbox: Sandbox, node: string | undefined, lines: readonly string[]): Promise<void> {
  const input = `${lines.join('\n')}\n`;
  await mustRun(sandbox, ['ip', '-batch', '-'], node === undefined ? { input } : { node, input });
}

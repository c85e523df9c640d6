/**
 * What `apply`, `create` and `replace` have in common: files in, one transaction, one line out.
 *
 * Invariant: all or nothing. Unlike calicoctl the order inside the files does not matter, and an error in one resource
 * leaves the store as it was.
 */
import type { Command } from 'commander';
import { type Diagnostic, printDiagnostic } from '../resources/diagnostic.ts';
import { kinds } from '../resources/kinds.ts';
import { checkChanges } from '../resources/references.ts';
import type { AnyResource } from '../resources/resource.ts';
import { type LocatedResource, makeSnapshot } from '../resources/snapshot.ts';
import type { WriteMode, WriteOutcome } from '../store/plan-write.ts';
import { printResourceError, type ResourceError } from '../store/resource-error.ts';
import type { ResourceStore } from '../store/resource-store.ts';
import { specRevisionOf } from '../store/stored-object.ts';
import { type Cli, onAction } from './cli.ts';
import { type AgentSocket, cutFlows, planCuts, printCuts } from './cut-established.ts';
import { type ExitCode, exitCode } from './exit-code.ts';
import { defaultRunFolder } from './folders.ts';
import { complainOfAgent, findAgents, runFolder } from './live.ts';
import { countResources, loadResources } from './load-resources.ts';
import { withStore } from './open-store.ts';
import { addInputOptions, addOutputOption, type InputOptions } from './options.ts';
import { judgeReferences } from './references.ts';

interface WriteOptions extends InputOptions {
  readonly output: string;
  readonly skipExists?: boolean;
  readonly dryRun?: boolean;
  readonly cutEstablished?: boolean;
  readonly runDir?: string;
}

const past = { apply: 'applied', create: 'created', replace: 'replaced' } as const;
const planned = { created: 'would be created', updated: 'would be changed', unchanged: 'would stay' } as const;

/** Adds options and action of one of the three. */
export function registerWrite(command: Command, cli: Cli, mode: WriteMode): void {
  addOutputOption(addInputOptions(command), ['table', 'json'])
    .option('--dry-run', 'check everything against the store, say what would happen, write nothing')
    .option('--cut-established', 'then cut the established flows that policy denies now; they would go on otherwise')
    .option('--run-dir <dir>', `folder of the agents' sockets, for --cut-established (${defaultRunFolder})`);
  onAction<[], WriteOptions>(command, async (_, options) => {
    const located = await loadResources(command, cli, options);
    if (located === undefined) return exitCode.error;
    if (located.length === 0) {
      cli.print(options.output === 'json' ? '[]\n' : 'No resources specified\n');
      return exitCode.ok;
    }
    const agents = options.cutEstablished ? await findAgents(cli, options) : [];
    if (options.cutEstablished && agents.length === 0) {
      cli.complain(`error: no agent answers in ${runFolder(cli, options)}, so no flow can be cut; nothing was written`);
      return exitCode.unreachable;
    }
    return withStore(cli, (store) => write(cli, store, located, mode, options, agents));
  });
}

async function write(
  cli: Cli,
  store: ResourceStore,
  located: readonly LocatedResource[],
  mode: WriteMode,
  options: WriteOptions,
  agents: readonly AgentSocket[],
): Promise<ExitCode> {
  // Nothing refers to workloads, and there may be a hundred thousand of them.
  const stored = await store.snapshot(options.skipExists ? {} : { without: ['WorkloadEndpoint'] });
  if (!stored.ok) return complainAll(cli, mode, [stored.error]);
  const old = stored.value.snapshot;
  const isNew = ({ resource: { kind, metadata } }: LocatedResource) =>
    old.find(kind, metadata.name, metadata.namespace) === undefined;
  const wanted = options.skipExists ? located.filter(isNew) : located;
  const collisions = checkTogether(cli, old, wanted);
  if (collisions.length > 0) {
    for (const collision of collisions) cli.complain(printDiagnostic(collision));
    cli.complain(`failed to ${mode}: nothing was written`);
    return exitCode.error;
  }
  const resources = wanted.map(({ resource }) => resource);
  const dryRun = options.dryRun ?? false;
  const written =
    resources.length === 0 ? { ok: true as const, value: [] } : await store.applyAll(resources, { mode, dryRun });
  if (!written.ok) return complainAll(cli, mode, written.error);
  if (options.output === 'table') cli.print(printOutcomes(written.value, mode, dryRun));
  const cuts = dryRun ? await planCuts(agents, resources) : await cutFlows(agents, revisionOf(written.value));
  if (!cuts.ok) {
    cli.complain(`${cuts.error.router}: established flows were not cut`);
    return complainOfAgent(cli, cuts.error.error);
  }
  if (options.output === 'table') cli.print(printCuts(cuts.value));
  else {
    const outcomes = written.value.map(({ outcome, resource }) => ({ ...shortName(resource), outcome }));
    const answer = options.cutEstablished ? { resources: outcomes, established: cuts.value } : outcomes;
    cli.print(`${JSON.stringify(answer)}\n`);
  }
  return exitCode.ok;
}

function printOutcomes(outcomes: readonly WriteOutcome[], mode: WriteMode, dryRun: boolean): string {
  if (outcomes.length === 0) return 'No resources specified\n';
  if (!dryRun) return `Successfully ${past[mode]} ${countResources(outcomes.map(({ resource }) => resource))}\n`;
  return outcomes
    .map(({ outcome, resource: { kind, metadata } }) => `${kind}/${metadata.name} ${planned[outcome]}\n`)
    .join('');
}

/** The store revision that all of it is in. Statuses move a key on, and no policy: the agent's own of its Router does, too. */
function revisionOf(outcomes: readonly WriteOutcome[]): number {
  const written = ({ resource }: WriteOutcome) =>
    specRevisionOf(resource, Number(resource.metadata.resourceVersion ?? 0));
  return Math.max(0, ...outcomes.map(written));
}

/**
 * What the new resources and the stored ones say about each other, as far as it concerns the new ones: warnings are
 * printed, errors given back. Which of two that collide is told depends on their names, so a stored one that was right
 * before is told, too.
 */
function checkTogether(
  cli: Cli,
  old: ReturnType<typeof makeSnapshot>,
  located: readonly LocatedResource[],
): Diagnostic[] {
  const stored = kinds.flatMap(({ kind }) => old.list(kind) as readonly AnyResource[]);
  const together = makeSnapshot([...stored, ...located]);
  const { errors, warnings } = judgeReferences(together);
  const isOurs = ({ file }: Diagnostic) => file !== '';
  for (const warning of [...warnings, ...checkChanges(old, together)].filter(isOurs))
    cli.complain(`warning: ${printDiagnostic(warning)}`);
  const ofStored = errors.filter((error) => !isOurs(error));
  const wrongBefore = new Set(ofStored.length === 0 ? [] : judgeReferences(old).errors.map(printDiagnostic));
  return errors.filter((error) => isOurs(error) || !wrongBefore.has(printDiagnostic(error)));
}

function complainAll(cli: Cli, verb: string, errors: readonly ResourceError[]): ExitCode {
  for (const error of errors) cli.complain(`failed to ${verb}${subjectOf(error)}: ${printResourceError(error)}`);
  if (errors.some((error) => error.kind !== 'store')) cli.complain('nothing was written');
  return exitCode.error;
}

function subjectOf(error: ResourceError): string {
  return error.kind === 'store' ? '' : ` '${error.subject.kind}' resource`;
}

function shortName({ kind, metadata: { name, namespace } }: AnyResource) {
  return { kind, ...(namespace === undefined ? {} : { namespace }), name };
}

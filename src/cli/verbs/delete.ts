/** `causeway delete`: resources by name, or those that files name. */
import type { Command } from 'commander';
import { printResourceName } from '../../store/keys.ts';
import type { DeleteRequest } from '../../store/plan-delete.ts';
import { printResourceError } from '../../store/resource-error.ts';
import type { ResourceStore } from '../../store/resource-store.ts';
import { nameOf } from '../../store/stored-object.ts';
import { type Cli, failUsage, onAction } from '../cli.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { countResources, loadResources } from '../load-resources.ts';
import { checkNamespace, namesOf, requireKind } from '../name-operands.ts';
import { withStore } from '../open-store.ts';
import { addInputOptions, addOutputOption, type InputOptions } from '../options.ts';

const help = `
What can be deleted is deleted in one transaction; a tier that still holds policies stays. With a Node go its workload
and host endpoints, its BGPPeers and its node.NAME configurations, as in Calico.

Examples:
  causeway delete gnp web db
  causeway delete networkset blocked -n shop
  causeway delete -f network/ --skip-not-exists`;

interface DeleteOptions extends InputOptions {
  readonly namespace?: string;
  readonly skipNotExists?: boolean;
  readonly output: string;
}

export function register(command: Command, cli: Cli): void {
  command.argument('[kind]', 'kind of resource').argument('[names...]', 'names');
  addInputOptions(command)
    .option('-n, --namespace <name>', 'namespace of namespaced kinds; "default" unless said')
    .option('-s, --skip-not-exists', 'what is not there is no error');
  addOutputOption(command, ['table', 'json']).addHelpText('after', help);
  onAction<[string | undefined, string[]], DeleteOptions>(command, async ([word, names], options) => {
    const requests = await requested(command, cli, word, names, options);
    if (requests === undefined) return exitCode.error;
    if (requests.length === 0) {
      cli.print(options.output === 'json' ? '[]\n' : 'No resources specified\n');
      return exitCode.ok;
    }
    return withStore(cli, (store) => remove(cli, store, requests, options));
  });
}

async function requested(
  command: Command,
  cli: Cli,
  word: string | undefined,
  names: readonly string[],
  options: DeleteOptions,
): Promise<readonly DeleteRequest[] | undefined> {
  if (word === undefined) {
    if (options.filename === undefined) failUsage(command, 'say what to delete: a kind and names, or files with -f');
    const located = await loadResources(command, cli, options);
    return located?.map(({ resource }) => {
      const { resourceVersion } = resource.metadata;
      return { ...nameOf(resource), ...(resourceVersion === undefined ? {} : { resourceVersion }) };
    });
  }
  if (options.filename !== undefined) failUsage(command, 'name resources, or files with -f, not both');
  const entry = requireKind(command, word);
  checkNamespace(command, entry, options.namespace);
  if (names.length === 0) failUsage(command, `say which ${entry.kind}: causeway delete ${word} NAME…`);
  return namesOf(entry, names, options.namespace);
}

async function remove(
  cli: Cli,
  store: ResourceStore,
  requests: readonly DeleteRequest[],
  { skipNotExists, output }: DeleteOptions,
): Promise<ExitCode> {
  const deleted = await store.deleteAll(requests);
  if (!deleted.ok) {
    cli.complain(`failed to delete: ${printResourceError(deleted.error)}`);
    return exitCode.error;
  }
  const failed = deleted.value.filter(({ error }) => error && !(skipNotExists && error.kind === 'not-found'));
  const gone = deleted.value.filter(({ error }) => error === undefined);
  for (const { subject, cascaded } of gone) {
    if (cascaded.length > 0)
      cli.complain(`with ${printResourceName(subject)} went ${cascaded.map(printResourceName).join(', ')}`);
  }
  if (output === 'json') {
    const outcomes = deleted.value.map(({ subject, error }) => ({ ...subject, outcome: error?.kind ?? 'deleted' }));
    cli.print(`${JSON.stringify(outcomes)}\n`);
  } else if (gone.length > 0 || failed.length === 0) {
    cli.print(`Successfully deleted ${countResources(gone.map(({ subject }) => subject))}\n`);
  }
  for (const { subject, error } of failed) {
    if (error) cli.complain(`Failed to delete '${subject.kind}' resource: ${printResourceError(error)}`);
  }
  return failed.length > 0 ? exitCode.error : exitCode.ok;
}

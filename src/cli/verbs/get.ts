/** `causeway get`: resources as tables, YAML or JSON. */
import { type Command, Option } from 'commander';
import { stringify } from 'yaml';
import type { KindEntry } from '../../resources/kinds.ts';
import type { AnyResource } from '../../resources/resource.ts';
import { printResource, printResources } from '../../resources/text.ts';
import type { ResourceName } from '../../store/keys.ts';
import { printResourceError, type ResourceError } from '../../store/resource-error.ts';
import type { ResourceStore } from '../../store/resource-store.ts';
import { nameOf } from '../../store/stored-object.ts';
import { type Cli, failUsage, onAction } from '../cli.ts';
import { columnsFor } from '../columns.ts';
import { customColumns } from '../custom-columns.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { loadResources } from '../load-resources.ts';
import { checkNamespace, namesOf, requireKind } from '../name-operands.ts';
import { withStore } from '../open-store.ts';
import { addInputOptions, type InputOptions } from '../options.ts';
import { printTable } from '../table.ts';

const help = `
Formats: table (also ps), wide, yaml (also yml), json, custom-columns=PATH,…
Kinds in any case, singular, plural or short: gnp, np, tier, hep, wep, gns, bgpp, …

Examples:
  causeway get tiers
  causeway get gnp -o wide
  causeway get networkpolicies -A
  causeway get bgppeer dc-1 -o yaml --export > dc-1.yaml
  causeway get sites -o custom-columns=NAME,spec.type,spec.prefixes`;

interface GetOptions extends InputOptions {
  readonly output: string;
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
  /** calicoctl's other short form of allNamespaces. */
  readonly a?: boolean;
  readonly export?: boolean;
}

export function register(command: Command, cli: Cli): void {
  command.argument('[kind]', 'kind of resource').argument('[names...]', 'names; all of the kind when absent');
  addInputOptions(command)
    .option('-o, --output <format>', 'how to print', 'table')
    .option('-n, --namespace <name>', 'namespace of namespaced kinds; "default" unless said')
    .option('-A, --all-namespaces', 'every namespace')
    .addOption(new Option('-a', 'as -A').hideHelp())
    .option('--export', 'without what the store manages: uid, resourceVersion, creationTimestamp')
    .addHelpText('after', help);
  onAction<[string | undefined, string[]], GetOptions>(command, async ([word, names], given) => {
    const options = given.a ? { ...given, allNamespaces: true } : given;
    checkFormat(command, options.output);
    const asked =
      word === undefined ? await askedByFiles(command, cli, options) : askedByWords(command, word, names, options);
    if (asked === undefined) return exitCode.error;
    return withStore(cli, (store) => show(cli, store, asked, options));
  });
}

/** What to show: resources by name, or all of a kind. */
type Asked =
  | { readonly kind: 'names'; readonly names: readonly ResourceName[] }
  | { readonly kind: 'all'; readonly entry: KindEntry; readonly namespace: string | undefined };

function askedByWords(command: Command, word: string, names: readonly string[], options: GetOptions): Asked {
  if (options.filename !== undefined) failUsage(command, 'name a kind, or files with -f, not both');
  const entry = requireKind(command, word);
  checkNamespace(command, entry, options.namespace);
  if (options.allNamespaces && options.namespace !== undefined) failUsage(command, '-A and -n exclude each other');
  if (names.length > 0) {
    if (options.allNamespaces) failUsage(command, 'a name needs its namespace: say -n instead of -A');
    return { kind: 'names', names: namesOf(entry, names, options.namespace) };
  }
  const all = options.allNamespaces || !entry.namespaced;
  return { kind: 'all', entry, namespace: all ? undefined : (options.namespace ?? 'default') };
}

async function askedByFiles(command: Command, cli: Cli, options: GetOptions): Promise<Asked | undefined> {
  if (options.filename === undefined)
    failUsage(command, 'say what to get: a kind (causeway get gnp), or files with -f');
  const located = await loadResources(command, cli, options);
  return located && { kind: 'names', names: located.map(({ resource }) => nameOf(resource)) };
}

async function show(cli: Cli, store: ResourceStore, asked: Asked, options: GetOptions): Promise<ExitCode> {
  const { resources, errors } = await read(store, asked);
  for (const error of errors) cli.complain(`error: ${printResourceError(error)}`);
  const hasNames = asked.kind === 'names';
  const shown = options.export && hasNames ? resources.map(withoutManaged) : resources;
  const format = options.output;
  if (format === 'json' || format === 'yaml' || format === 'yml') {
    const style = format === 'json' ? 'json' : 'yaml';
    const [only] = shown;
    // One object asked for by name is printed alone; anything else as a list, even of one, so that programs can tell.
    if (hasNames && asked.names.length === 1) cli.print(only === undefined ? '' : printResource(only, style));
    else cli.print(style === 'json' ? printResources(shown, style) : printYamlList(shown));
  } else if (format.startsWith('custom-columns=')) {
    cli.print(printTable(customColumns(format), shown));
  } else {
    await printTables(cli, store, shown, asked, options);
  }
  return errors.length > 0 ? exitCode.error : exitCode.ok;
}

async function read(
  store: ResourceStore,
  asked: Asked,
): Promise<{ readonly resources: readonly AnyResource[]; readonly errors: readonly ResourceError[] }> {
  if (asked.kind === 'all') {
    const listing = await store.list(asked.entry.kind, asked.namespace);
    if (!listing.ok) return { resources: [], errors: [listing.error] };
    return { resources: sortForShow(listing.value.resources), errors: listing.value.invalid };
  }
  const resources: AnyResource[] = [];
  const errors: ResourceError[] = [];
  for (const name of asked.names) {
    const found = await store.get(name);
    if (found.ok) resources.push(found.value);
    else errors.push(found.error);
  }
  return { resources, errors };
}

/** Tiers by order, those without one last; the rest as the store sorts them. */
function sortForShow(resources: readonly AnyResource[]): readonly AnyResource[] {
  const order = (resource: AnyResource) =>
    resource.kind === 'Tier' ? (resource.spec.order ?? Number.POSITIVE_INFINITY) : 0;
  return [...resources].sort((a, b) => (order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : 0));
}

/** One table for each kind, in the order in which kinds first occur. */
async function printTables(
  cli: Cli,
  store: ResourceStore,
  resources: readonly AnyResource[],
  asked: Asked,
  options: GetOptions,
): Promise<void> {
  const kinds = asked.kind === 'all' ? [asked.entry.kind] : [...new Set(resources.map(({ kind }) => kind))];
  const context = { defaultAs: kinds.includes('Node') ? await defaultAs(store) : '' };
  const tables = kinds.map((kind) => {
    const rows = resources.filter((resource) => resource.kind === kind);
    const isNamespaced = rows.some(({ metadata }) => metadata.namespace !== undefined);
    const namespace = isNamespaced && (options.allNamespaces === true || options.namespace !== undefined);
    return printTable(columnsFor(kind, context, { wide: options.output === 'wide', namespace }), rows);
  });
  cli.print(tables.join('\n'));
}

async function defaultAs(store: ResourceStore): Promise<string> {
  const found = await store.get({ kind: 'BGPConfiguration', name: 'default' });
  const configured = found.ok && found.value.kind === 'BGPConfiguration' ? found.value.spec.asNumber : undefined;
  return String(configured ?? 64512);
}

function withoutManaged(resource: AnyResource): AnyResource {
  const { uid: _, resourceVersion: __, creationTimestamp: ___, ...metadata } = resource.metadata;
  const { status: ____, ...rest } = resource;
  return { ...rest, metadata } as AnyResource;
}

function printYamlList(resources: readonly AnyResource[]): string {
  return resources.length === 0 ? stringify([]) : printResources(resources, 'yaml');
}

function checkFormat(command: Command, format: string): void {
  const known = ['table', 'ps', 'wide', 'yaml', 'yml', 'json'];
  if (known.includes(format) || /^custom-columns=./.test(format)) return;
  const reason = /^go-template/.test(format) ? 'go templates are not supported: use json and jq' : 'unknown format';
  failUsage(command, `-o ${format}: ${reason} (formats: ${known.join(', ')}, custom-columns=PATH,…)`);
}

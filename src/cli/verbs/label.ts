/** `causeway label`: one label of one resource, as `calicoctl label`. */
import type { Command } from 'commander';
import type { AnyResource, Labels } from '../../resources/resource.ts';
import { validateStored } from '../../resources/validate.ts';
import { writtenForm } from '../../resources/written-form.ts';
import { err, ok, type Result } from '../../result.ts';
import type { ResourceName } from '../../store/keys.ts';
import { printResourceError } from '../../store/resource-error.ts';
import type { ResourceStore } from '../../store/resource-store.ts';
import { type Cli, failUsage, onAction } from '../cli.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { checkNamespace, namesOf, requireKind } from '../name-operands.ts';
import { withStore } from '../open-store.ts';
import { addOutputOption } from '../options.ts';

const help = `
Examples:
  causeway label hostendpoint tr1-eth0 role=edge
  causeway label hostendpoint tr1-eth0 role=core --overwrite
  causeway label site office role --remove`;

interface LabelOptions {
  readonly namespace?: string;
  readonly overwrite?: boolean;
  readonly remove?: boolean;
  readonly output: string;
}

/** One `key=value`, or a key to remove. */
interface LabelEdit {
  readonly key: string;
  readonly value: string | undefined;
  readonly mayOverwrite: boolean;
}

export function register(command: Command, cli: Cli): void {
  command
    .argument('<kind>', 'kind of resource')
    .argument('<name>', 'its name')
    .argument('<label>', 'key=value, or with --remove a key')
    .option('-n, --namespace <name>', 'namespace of namespaced kinds; "default" unless said')
    .option('--overwrite', 'change a label that has another value')
    .option('--remove', 'remove the label');
  addOutputOption(command, ['table', 'json']).addHelpText('after', help);
  onAction<[string, string, string], LabelOptions>(command, async ([word, name, label], options) => {
    const entry = requireKind(command, word);
    checkNamespace(command, entry, options.namespace);
    const edit = parseEdit(command, label, options);
    const [subject] = namesOf(entry, [name], options.namespace);
    if (subject === undefined) return exitCode.usage;
    return withStore(cli, (store) => editLabel(cli, store, subject, edit, options.output));
  });
}

function parseEdit(command: Command, label: string, options: LabelOptions): LabelEdit {
  const equals = label.indexOf('=');
  const mayOverwrite = options.overwrite ?? false;
  if (options.remove) {
    if (mayOverwrite) failUsage(command, '--remove and --overwrite exclude each other');
    if (equals >= 0) failUsage(command, `--remove takes a key, not '${label}'`);
    return { key: label, value: undefined, mayOverwrite };
  }
  if (equals < 1) failUsage(command, `'${label}' is no label: write key=value, or a key with --remove`);
  return { key: label.slice(0, equals), value: label.slice(equals + 1), mayOverwrite };
}

const attempts = 5;

/** Reads, edits and replaces under compare-and-swap; the edit is judged anew when somebody else was faster. */
async function editLabel(
  cli: Cli,
  store: ResourceStore,
  subject: ResourceName,
  edit: LabelEdit,
  output: string,
): Promise<ExitCode> {
  const fail = (reason: string) => {
    cli.complain(`failed to label '${subject.kind}' resource: ${reason}`);
    return exitCode.error;
  };
  for (let attempt = 1; ; attempt += 1) {
    const found = await store.get(subject);
    if (!found.ok) return fail(printResourceError(found.error));
    const labels = applyEdit(found.value.metadata.labels ?? {}, edit);
    if (!labels.ok) return fail(labels.error);
    const edited = withLabels(found.value, labels.value);
    if (!edited.ok) return fail(edited.error);
    const replaced = await store.replace(edited.value);
    if (replaced.ok) {
      if (output === 'json') cli.print(`${JSON.stringify({ ...subject, labels: labels.value })}\n`);
      break;
    }
    if (replaced.error.kind !== 'conflict' || attempt === attempts) return fail(printResourceError(replaced.error));
  }
  if (output === 'json') return exitCode.ok;
  const done = edit.value === undefined ? `removed label ${edit.key} from` : `set label ${edit.key} on`;
  cli.print(`Successfully ${done} ${subject.kind} ${subject.name}\n`);
  return exitCode.ok;
}

function applyEdit(labels: Labels, { key, value, mayOverwrite }: LabelEdit): Result<Labels, string> {
  const before = Object.hasOwn(labels, key) ? labels[key] : undefined;
  if (value === undefined) {
    if (before === undefined) return err(`there is no label ${key} to remove`);
    const { [key]: _, ...others } = labels;
    return ok(others);
  }
  if (before !== undefined && before !== value && !mayOverwrite) {
    return err(`label ${key} has the value '${before}' already: --overwrite changes it`);
  }
  return ok({ ...labels, [key]: value });
}

/** The resource with these labels, validated once more. */
function withLabels(resource: AnyResource, labels: Labels): Result<AnyResource, string> {
  const { labels: _, ...metadata } = resource.metadata;
  const hasLabels = Object.keys(labels).length > 0;
  const edited = { ...resource, metadata: hasLabels ? { ...metadata, labels } : metadata };
  const { resource: valid, problems } = validateStored(writtenForm(edited as AnyResource));
  if (valid !== undefined) return ok(valid);
  return err(problems.map(({ reason }) => reason).join('; '));
}

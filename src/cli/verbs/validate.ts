/** `causeway validate`: everything that can be said of files without a store. */
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { type Diagnostic, printDiagnostic } from '../../resources/diagnostic.ts';
import { makeSnapshot } from '../../resources/snapshot.ts';
import { type Cli, onAction } from '../cli.ts';
import { printDerivedInsides } from '../derived-insides.ts';
import { exitCode } from '../exit-code.ts';
import { countResources, parseInput } from '../load-resources.ts';
import { addInputOptions, addOutputOption, type InputOptions } from '../options.ts';
import { judgeReferences } from '../references.ts';
import { type ForwardingDefault, forwardingOf, routersOf, warningsOfRouters } from '../warnings.ts';

const help = `
Every error of every document is told at once, as file:line:column. With -o json the list of errors goes to stdout:
[{file, line, column, kind, name, field, value, reason}], empty when all is well. Exit code 1 when there is an error.

Files without errors are also looked at as each of their routers would: what surprises is a warning, and what becomes of
forwarded packets that no policy speaks of is said. With --warnings both are in the JSON too:
{errors: […], warnings: […], routers: [{router, describedBy, defaultAction}]}; the exit code does not depend on them.

Examples:
  causeway validate -f policy.yaml
  causeway validate -f network/ -R --router tr1
  cat policy.yaml | causeway validate -f - -o json
  causeway validate -f network/ -o json --warnings`;

/** More would take long; --router asks for any other. */
const routersLookedAt = 16;

interface ValidateOptions extends InputOptions {
  readonly output: string;
  readonly warnings?: boolean;
  readonly router?: string;
}

export function register(command: Command, cli: Cli): void {
  addOutputOption(addInputOptions(command), ['table', 'json', 'yaml'])
    .option('--warnings', 'with -o json or yaml: warnings and forwarding too')
    .option('--router <name>', `look as this router only (the first ${routersLookedAt} unless said)`)
    .addHelpText('after', help);
  onAction<[], ValidateOptions>(command, async (_, options) => {
    const { resources, errors: own, warnings: ownWarnings } = await parseInput(command, options);
    const snapshot = makeSnapshot(resources);
    const references = judgeReferences(snapshot);
    const errors = [...own, ...references.errors];
    const isTable = options.output === 'table';
    const names = routersOf(snapshot).filter((name) => options.router === undefined || name === options.router);
    if (options.router !== undefined && names.length === 0 && errors.length === 0) {
      cli.complain(`error: the files describe no Router, and no Node with a HostEndpoint, named ${options.router}`);
      return exitCode.error;
    }
    const isLooked = errors.length === 0 && (isTable || options.warnings === true);
    const looked = isLooked ? names.slice(0, routersLookedAt) : [];
    const warnings = [...ownWarnings, ...references.warnings];
    warnings.push(...warningsOfRouters(snapshot, looked, warnings));
    const forwarding = names.map((name) => forwardingOf(snapshot, name));
    if (!isTable) {
      const report = options.warnings ? { errors, warnings, routers: forwarding } : errors;
      cli.print(options.output === 'json' ? `${JSON.stringify(report)}\n` : stringify(report));
      return errors.length === 0 ? exitCode.ok : exitCode.error;
    }
    complain(cli, warnings, errors);
    if (errors.length > 0) return exitCode.error;
    for (const line of [...printDerivedInsides(snapshot), ...printForwarding(forwarding)]) cli.complain(line);
    if (looked.length < names.length)
      cli.complain(`policy of ${names.length - looked.length} more routers was not looked at: name one by --router`);
    if (resources.length === 0) cli.print('No resources specified\n');
    else cli.print(`Successfully validated ${countResources(resources.map(({ resource }) => resource))}\n`);
    return exitCode.ok;
  });
}

function complain(cli: Cli, warnings: readonly Diagnostic[], errors: readonly Diagnostic[]): void {
  for (const warning of warnings) cli.complain(`warning: ${printDiagnostic(warning)}`);
  for (const error of errors) cli.complain(printDiagnostic(error));
  if (errors.length > 0)
    cli.complain(`failed to validate: ${errors.length} ${errors.length === 1 ? 'error' : 'errors'}`);
}

/** At most three lines, however many routers there are. */
function printForwarding(forwarding: readonly ForwardingDefault[]): string[] {
  const line = (words: string, holds: (each: ForwardingDefault) => boolean): string[] => {
    const names = forwarding.filter(holds).map(({ router }) => router);
    const more = names.length > 10 ? ` and ${names.length - 10} more` : '';
    return names.length === 0 ? [] : [`forwarding of ${names.slice(0, 10).join(', ')}${more}: ${words}`];
  };
  const ofRouter = 'Router forwarding.defaultAction';
  return [
    ...line(`closed where no policy allows (${ofRouter} Deny)`, ({ defaultAction }) => defaultAction === 'Deny'),
    ...line(
      `OPEN where no policy speaks (${ofRouter} Allow)`,
      ({ describedBy, defaultAction }) => describedBy === 'Router' && defaultAction === 'Allow',
    ),
    ...line('OPEN where no policy speaks (a Calico Node alone)', ({ describedBy }) => describedBy === 'Node'),
  ];
}

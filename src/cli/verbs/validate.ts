/** `causeway validate`: everything that can be said of files without a store. */
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { printDiagnostic } from '../../resources/diagnostic.ts';
import { makeSnapshot } from '../../resources/snapshot.ts';
import { type Cli, onAction } from '../cli.ts';
import { exitCode } from '../exit-code.ts';
import { countResources, parseInput } from '../load-resources.ts';
import { addInputOptions, addOutputOption, type InputOptions } from '../options.ts';
import { judgeReferences } from '../references.ts';

const help = `
Every error of every document is told at once, as file:line:column. With -o json the list of errors goes to stdout:
[{file, line, column, kind, name, field, value, reason}], empty when all is well. Exit code 1 when there is an error.

Examples:
  causeway validate -f policy.yaml
  causeway validate -f network/ -R
  cat policy.yaml | causeway validate -f - -o json`;

export function register(command: Command, cli: Cli): void {
  addOutputOption(addInputOptions(command), ['table', 'json', 'yaml']).addHelpText('after', help);
  onAction<[], InputOptions & { output: string }>(command, async (_, options) => {
    const { resources, errors: own, warnings: ownWarnings } = await parseInput(command, options);
    const references = judgeReferences(makeSnapshot(resources));
    const errors = [...own, ...references.errors];
    if (options.output !== 'table') {
      cli.print(options.output === 'json' ? `${JSON.stringify(errors)}\n` : stringify(errors));
      return errors.length === 0 ? exitCode.ok : exitCode.error;
    }
    for (const warning of [...ownWarnings, ...references.warnings])
      cli.complain(`warning: ${printDiagnostic(warning)}`);
    for (const error of errors) cli.complain(printDiagnostic(error));
    if (errors.length > 0) {
      cli.complain(`failed to validate: ${errors.length} ${errors.length === 1 ? 'error' : 'errors'}`);
      return exitCode.error;
    }
    if (resources.length === 0) cli.print('No resources specified\n');
    else cli.print(`Successfully validated ${countResources(resources.map(({ resource }) => resource))}\n`);
    return exitCode.ok;
  });
}

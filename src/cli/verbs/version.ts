/** `causeway version`. */
import type { Command } from 'commander';
import packageJson from '../../../package.json' with { type: 'json' };
import { type Cli, onAction } from '../cli.ts';
import { exitCode } from '../exit-code.ts';
import { addOutputOption } from '../options.ts';

export function register(command: Command, cli: Cli): void {
  addOutputOption(command, ['table', 'json', 'yaml']).addHelpText(
    'after',
    '\nExamples:\n  causeway version\n  causeway version -o json',
  );
  onAction<[], { output: string }>(command, async (_, { output }) => {
    const facts = { version: packageJson.version, node: process.versions.node };
    if (output === 'json') cli.print(`${JSON.stringify(facts)}\n`);
    else if (output === 'yaml') cli.print(`version: ${facts.version}\nnode: ${facts.node}\n`);
    else cli.print(`causeway ${facts.version} (node ${facts.node})\n`);
    return exitCode.ok;
  });
}

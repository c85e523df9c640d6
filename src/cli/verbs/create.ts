/** `causeway create`: only what is not there yet. */
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { registerWrite } from '../write-verb.ts';

const help = `
Fails, and writes nothing, when one of the resources exists already.

Examples:
  causeway create -f tier.yaml
  causeway create -f network/ --skip-exists`;

export function register(command: Command, cli: Cli): void {
  command.option('--skip-exists', 'pass over what exists already').addHelpText('after', help);
  registerWrite(command, cli, 'create');
}

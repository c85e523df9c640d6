/** `causeway replace`: only what is there already. */
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { registerWrite } from '../write-verb.ts';

const help = `
Fails, and writes nothing, when one of the resources does not exist.

Examples:
  causeway replace -f policy.yaml`;

export function register(command: Command, cli: Cli): void {
  registerWrite(command.addHelpText('after', help), cli, 'replace');
}

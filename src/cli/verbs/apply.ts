/** `causeway apply`: what the files say becomes what the store says. */
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { registerWrite } from '../write-verb.ts';

const help = `
All resources of all files are written in one transaction, or none is. A resource that carries metadata.resourceVersion
is only written if nobody changed it since. Spec, labels and annotations replace the old ones entirely.

Examples:
  causeway apply -f network/
  causeway apply -f policy.yaml -f peers.yaml
  causeway get gnp web -o yaml | sed s/443/8443/ | causeway apply -f -`;

export function register(command: Command, cli: Cli): void {
  registerWrite(command.addHelpText('after', help), cli, 'apply');
}

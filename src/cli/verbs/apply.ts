/** `causeway apply`: what the files say becomes what the store says. */
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { registerWrite } from '../write-verb.ts';

const help = `
All resources of all files are written in one transaction, or none is. A resource that carries metadata.resourceVersion
is only written if nobody changed it since. Spec, labels and annotations replace the old ones entirely.

Established flows go on under a new policy that denies them, as in Calico, unless --cut-established is given: then each
agent of this machine deletes them from conntrack once its kernel holds the policy. Their way is told by the routes to both
ends, since conntrack remembers no interfaces; flows of which it cannot be told are left alone, and counted.

Examples:
  causeway apply -f network/
  causeway apply -f policy.yaml -f peers.yaml
  causeway apply -f policy.yaml --dry-run --cut-established       how many flows the new policy would cut
  causeway apply -f policy.yaml --cut-established                 write it, wait for the kernel, cut them
  causeway get gnp web -o yaml | sed s/443/8443/ | causeway apply -f -`;

export function register(command: Command, cli: Cli): void {
  registerWrite(command.addHelpText('after', help), cli, 'apply');
}

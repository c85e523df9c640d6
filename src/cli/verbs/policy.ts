/** `causeway policy`: what applies to each endpoint, in order, and how often each rule decided. */
import type { Command } from 'commander';
import type { PolicyView } from '../../api/policy-view.ts';
import { type Cli, onAction } from '../cli.ts';
import { addLiveOptions, type LiveOptions, showFromAgent } from '../live.ts';
import { printTable } from '../table.ts';

const examples = `
Examples:
  causeway policy                     endpoints and their policies in evaluation order
  causeway policy --counters          rules, with packets and bytes`;

export function register(command: Command, cli: Cli): void {
  addLiveOptions(command).option('--counters', 'rules with their packets and bytes').addHelpText('after', examples);
  onAction(command, (_: [], options: LiveOptions & { readonly counters?: boolean }) =>
    showFromAgent(cli, options, '/v1/policy', options.counters ? printRules : printEndpoints),
  );
}

function printEndpoints(view: PolicyView): string {
  const rows = view.endpoints.flatMap((endpoint) => {
    const interfaces = endpoint.interfaces === '*' ? '*' : endpoint.interfaces.join(',');
    const none = { stage: '-', direction: '-', tier: '-', policy: '(none)' };
    const policies = endpoint.policies.length > 0 ? endpoint.policies : [none];
    return policies.map((policy) => ({ endpoint: endpoint.name, interfaces, ...policy }));
  });
  const table = printTable(
    [
      { title: 'ENDPOINT', cell: (row) => row.endpoint },
      { title: 'INTERFACES', cell: (row) => row.interfaces },
      { title: 'STAGE', cell: (row) => row.stage },
      { title: 'DIRECTION', cell: (row) => row.direction },
      { title: 'TIER', cell: (row) => row.tier },
      { title: 'POLICY', cell: (row) => row.policy },
    ],
    rows,
  );
  return `${table}\nForwarded packets that no rule allows or denies: ${view.forwardDefault}\n`;
}

function printRules(view: PolicyView): string {
  return printTable<PolicyView['rules'][number]>(
    [
      { title: 'RULE', cell: (rule) => rule.rule },
      { title: 'TIER', cell: (rule) => rule.tier ?? '-' },
      { title: 'ACTION', cell: (rule) => rule.action },
      { title: 'PACKETS', cell: (rule) => (rule.counter ? String(rule.counter.packets) : '-') },
      { title: 'BYTES', cell: (rule) => (rule.counter ? String(rule.counter.bytes) : '-') },
    ],
    view.rules,
  );
}

/** `causeway policy`: what applies to each endpoint, in order, and how often each rule decided. */
import type { Command } from 'commander';
import type { FailsafeView } from '../../api/failsafes-view.ts';
import type { PolicyView, RuleView } from '../../api/policy-view.ts';
import { type Cli, failUsage, onAction } from '../cli.ts';
import { addLiveOptions, type LiveOptions, showFromAgent } from '../live.ts';
import { printTable } from '../table.ts';

const help = `
Of a rule without counts the kernel holds nothing by itself: the rules before it leave it no packet. Rules that say the same
of a packet may count for each other. Counters of a rule begin when it is first loaded, and survive changes of other rules.

Failsafes are what no policy closes to and from the router itself: ssh, BGP, and what the router's links need from their peers.

Examples:
  causeway policy                     endpoints with their policies in evaluation order, and failsafes
  causeway policy --counters          rules by tier and policy, with packets and bytes
  causeway policy --counters --zero   rules that no packet has met`;

interface PolicyOptions extends LiveOptions {
  readonly counters?: boolean;
  readonly zero?: boolean;
}

export function register(command: Command, cli: Cli): void {
  addLiveOptions(command)
    .option('--counters', 'rules with their packets and bytes')
    .option('--zero', 'with --counters: only rules that no packet has met')
    .addHelpText('after', help);
  onAction<[], PolicyOptions>(command, (_, options) => {
    if (options.zero && !options.counters) failUsage(command, '--zero is for --counters');
    const printAsTable = options.counters ? printCounters(options.zero === true) : printEndpoints;
    return showFromAgent(cli, options, '/v1/policy', printAsTable);
  });
}

function printEndpoints(view: PolicyView): string {
  const lines = view.endpoints.flatMap((endpoint) => {
    const interfaces = endpoint.interfaces === '*' ? 'every other interface' : endpoint.interfaces.join(', ');
    const profiles = endpoint.profiles.length === 0 ? '' : `; profiles ${endpoint.profiles.join(', ')}`;
    const heading = `endpoint ${endpoint.name} (${interfaces || 'no interface'}${profiles})`;
    if (endpoint.policies.length === 0) return [heading, '  no policy selects it', ''];
    return [heading, ...printPolicies(endpoint.policies), ''];
  });
  const forwarded = `forwarded packets that no rule allows or denies: ${view.forwardDefault}`;
  return [...lines, forwarded, '', printFailsafes(view.failsafes)].join('\n');
}

/** Of the router itself; what is forwarded has no failsafe. */
function printFailsafes(failsafes: readonly FailsafeView[]): string {
  if (failsafes.length === 0) return 'no failsafe: policy alone decides who reaches this router\n';
  return printTable<FailsafeView>(
    [
      { title: 'FAILSAFE', cell: ({ list }) => (list === 'inbound' ? 'in from' : 'out to') },
      { title: 'WHOM', cell: ({ remote }) => remote ?? 'anybody' },
      { title: 'INTERFACE', cell: ({ interfaces }) => interfaces?.join(',') ?? 'any' },
      { title: 'OPENS', cell: ({ opens }) => opens.join(', ') },
      { title: 'WHY', cell: ({ why }) => why || "settings, or Calico's own list" },
    ],
    failsafes,
  );
}

function printPolicies(policies: PolicyView['endpoints'][number]['policies']): string[] {
  const lines: string[] = [];
  let last = { stage: '', tier: '' };
  for (const { stage, direction, tier, endOfTier, policy } of policies) {
    const where = `${stage} ${direction}`;
    if (where !== last.stage) lines.push(`  ${where}`);
    if (where !== last.stage || tier !== last.tier) {
      lines.push(`    tier ${tier}${endOfTier === 'none' ? '' : ` (at its end: ${endOfTier})`}`);
    }
    lines.push(`      ${policy}`);
    last = { stage: where, tier };
  }
  return lines;
}

function printCounters(isZeroOnly: boolean): (view: PolicyView) => string {
  return (view) => {
    const unmet = view.rules.filter(({ counter }) => counter === null || counter.packets === 0);
    const rules = printTable<RuleView>(
      [
        { title: 'TIER', cell: (rule) => rule.tier ?? '(profile)' },
        { title: 'POLICY', cell: (rule) => rule.policy },
        { title: 'RULE', cell: (rule) => `${rule.direction}[${rule.index}]` },
        { title: 'ACTION', cell: (rule) => rule.action },
        { title: 'PACKETS', cell: (rule) => (rule.counter ? String(rule.counter.packets) : '-') },
        { title: 'BYTES', cell: (rule) => (rule.counter ? String(rule.counter.bytes) : '-') },
        { title: 'MATCH', cell: (rule) => rule.match },
      ],
      isZeroOnly ? unmet : view.rules,
    );
    const summary = `${unmet.length} of ${view.rules.length} rules have met no packet\n`;
    if (isZeroOnly) return `${rules}\n${summary}`;
    const defaults = printTable<PolicyView['defaults'][number]>(
      [
        { title: 'WITHOUT A RULE', cell: ({ name }) => name },
        { title: 'PACKETS', cell: ({ counter }) => String(counter.packets) },
        { title: 'BYTES', cell: ({ counter }) => String(counter.bytes) },
      ],
      view.defaults,
    );
    return `${rules}\n${defaults}\n${summary}`;
  };
}

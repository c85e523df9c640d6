/**
 * BIRD's filter language: functions, filters, statements and conditions as text.
 *
 *   BirdFunction, BirdFilter → [print-filter] → part of bird.conf
 *
 * Two traps of BIRD 2.0: `prefix = set` is always false, so sets are only ever asked with `~`; comparing an attribute that
 * a route lacks aborts the filter, so such attributes are asked for first.
 */
import { type Prefix, printPrefix } from '../net/prefix.ts';
import type {
  BirdCondition,
  BirdFilter,
  BirdFunction,
  BirdStatement,
  Community,
  LargePattern,
  PrefixPattern,
  PrefixSet,
} from './config.ts';
import { block, symbol } from './layout.ts';
import { commentText, isInterfacePattern } from './quote.ts';

/** `ebgp` itself is a keyword. */
const ebgpArgument = 'is_ebgp';
const asVariable = 'cw_as';

export function printFunction(one: BirdFunction): string {
  const head = `function ${symbol(one.name)}(bool ${ebgpArgument})`;
  return [`# ${commentText(one.comment)}`, block(head, one.body.map(printStatement))].join('\n');
}

export function printSets(sets: readonly PrefixSet[]): string[] {
  const print = createPatternPrinter();
  return sets.map(({ name, members }) => `define ${symbol(name)} = [\n  ${members.map(print).join(',\n  ')}\n];`);
}

export function printFilter(filter: BirdFilter): string {
  const head = `filter ${symbol(filter.name)}`;
  return [`# ${commentText(filter.comment)}`, block(head, filter.body.map(printStatement))].join('\n');
}

function printStatement(statement: BirdStatement): string {
  switch (statement.kind) {
    case 'accept':
      return 'accept;';
    case 'reject':
      return 'reject;';
    case 'if': {
      const [only, ...more] = statement.body;
      const condition = printCondition(statement.when);
      if (only && more.length === 0) return `if ${condition} then ${printStatement(only)}`;
      return block(`if ${condition} then`, statement.body.map(printStatement));
    }
    case 'return':
      return `return ${statement.value};`;
    case 'set':
      return `${statement.attribute} = ${statement.value};`;
    case 'add-community':
      return `${communityAttribute(statement.community)}.add(${printCommunity(statement.community)});`;
    case 'delete-communities':
      return `bgp_large_community.delete([${printLargePattern(statement.pattern)}]);`;
    case 'prepend':
      return `bgp_path.prepend(${statement.as});`;
    case 'replace-as':
      return [
        `for int ${asVariable} in bgp_path do { if ${asVariable} = ${statement.from} then bgp_path.prepend(${statement.to}); }`,
        `bgp_path.delete(${statement.from});`,
      ].join('\n');
  }
}

function printCondition(condition: BirdCondition): string {
  switch (condition.kind) {
    case 'always':
      return 'true';
    case 'never':
      return 'false';
    case 'not':
      return `!(${printCondition(condition.operand)})`;
    case 'all':
      return printOperands(condition.operands, '&&', 'true');
    case 'any':
      return printOperands(condition.operands, '||', 'false');
    case 'net-in':
      return condition.set.length === 0 ? 'false' : `net ~ [ ${condition.set.map(printPattern).join(', ')} ]`;
    case 'net-in-named':
      return `net ~ ${symbol(condition.name)}`;
    case 'is-ebgp':
      return ebgpArgument;
    case 'call':
      return `${symbol(condition.name)}(${condition.isEbgp})`;
    case 'call-hook':
      return `${symbol(condition.name)}()`;
    case 'protocol':
      return `proto = "${symbol(condition.name)}"`;
    case 'source':
      return `source = ${condition.source}`;
    case 'discards':
      return 'dest = RTD_BLACKHOLE || dest = RTD_UNREACHABLE';
    case 'interface':
      return printInterface(condition.pattern);
    case 'community':
      return `${printCommunity(condition.community)} ~ ${communityAttribute(condition.community)}`;
    case 'large-community-in':
      return `bgp_large_community ~ [${printLargePattern(condition.pattern)}]`;
    case 'path-longer-than':
      return `bgp_path.len > ${condition.length}`;
    case 'first-as':
      return `bgp_path.first = ${condition.as}`;
    case 'as-path-prefix':
      return `bgp_path ~ [= ${condition.as.join(' ')} * =]`;
    case 'local-pref':
      return `defined(bgp_local_pref) && bgp_local_pref = ${condition.value}`;
    case 'kernel-metric':
      return condition.value === 'any'
        ? 'defined(krt_metric)'
        : `defined(krt_metric) && krt_metric = ${condition.value}`;
  }
}

function printOperands(operands: readonly BirdCondition[], operator: '&&' | '||', empty: string): string {
  if (operands.length === 0) return empty;
  const [only, ...more] = operands;
  if (only && more.length === 0) return printCondition(only);
  return operands.map((operand) => `(${printCondition(operand)})`).join(` ${operator} `);
}

/** A route without an interface has the empty name, which `*` would match. */
function printInterface(pattern: string): string {
  if (!isInterfacePattern(pattern)) throw new Error('not an interface pattern');
  return `ifname != "" && ifname ~ "${pattern}"`;
}

/**
 * One pattern as BIRD writes it, which is also its canonical text. A prefix is turned into text once, however many sets hold
 * it: sessions that may learn each other's have as many sets as sessions, of the same prefixes.
 */
export function createPatternPrinter(): (pattern: PrefixPattern) => string {
  const texts = new Map<Prefix, string>();
  return (pattern) => {
    const text = texts.get(pattern.prefix) ?? printPrefix(pattern.prefix);
    texts.set(pattern.prefix, text);
    return withLengths(pattern, text);
  };
}

function printPattern(pattern: PrefixPattern): string {
  return withLengths(pattern, printPrefix(pattern.prefix));
}

function withLengths({ prefix, low, high }: PrefixPattern, text: string): string {
  if (low === prefix.length && high === prefix.length) return text;
  return low === prefix.length && high === (prefix.family === 4 ? 32 : 128) ? `${text}+` : `${text}{${low},${high}}`;
}

function printCommunity(community: Community): string {
  return `(${community.join(', ')})`;
}

function printLargePattern(pattern: LargePattern): string {
  const { function: code } = pattern;
  const codes = typeof code === 'number' ? String(code) : `${code.first}..${code.last}`;
  return `(${pattern.as}, ${codes}, *)`;
}

function communityAttribute(community: Community): string {
  return community.length === 2 ? 'bgp_community' : 'bgp_large_community';
}

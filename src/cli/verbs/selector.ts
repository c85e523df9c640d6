/** `causeway selector eval`: a selector and labels in; true, false or an error out. */
import type { Command } from 'commander';
import type { Labels } from '../../resources/resource.ts';
import { evaluateSelector } from '../../resources/selector/evaluate.ts';
import { parseSelector } from '../../resources/selector/parse.ts';
import { type Cli, failUsage, onAction } from '../cli.ts';
import { exitCode } from '../exit-code.ts';
import { answerLines } from '../lines.ts';

const help = `
Prints true (exit code 0) or false (exit code 1). With --stdin each line {"selector": "…", "labels": {…}} gives a line
{"valid": bool, "matches": bool|null, "error": string|null}, and the exit code is 0.

Examples:
  causeway selector eval "app == 'web' && has(env)" app=web env=prod
  echo '{"selector": "all()", "labels": {}}' | causeway selector eval --stdin`;

export interface SelectorAnswer {
  readonly valid: boolean;
  readonly matches: boolean | null;
  readonly error: string | null;
}

export function register(command: Command, cli: Cli): void {
  const evaluate = command
    .command('eval')
    .description('evaluate a selector over labels')
    .argument('[selector]', 'the selector, quoted for the shell')
    .argument('[labels...]', 'key=value')
    .option('--stdin', 'JSON lines instead of arguments')
    .addHelpText('after', help);
  evaluate.showHelpAfterError('(see "causeway selector eval --help")');
  onAction<[string | undefined, string[]], { stdin?: boolean }>(evaluate, async ([selector, pairs], options) => {
    if (options.stdin) {
      if (selector !== undefined) failUsage(evaluate, '--stdin takes no selector: it stands in each line');
      const answer = makeAnswerer();
      await answerLines((line) => JSON.stringify(answer(line)));
      return exitCode.ok;
    }
    if (selector === undefined) failUsage(evaluate, 'say which selector, or --stdin');
    const { valid, matches, error } = evaluateOn(parse(selector), parsePairs(evaluate, pairs));
    if (!valid) {
      cli.complain(`error: ${error}`);
      return exitCode.error;
    }
    cli.print(`${matches}\n`);
    return matches ? exitCode.ok : exitCode.error;
  });
}

type Parsed = ReturnType<typeof parse>;

function parse(selector: string) {
  return parseSelector(selector);
}

function evaluateOn(parsed: Parsed, labels: Labels): SelectorAnswer {
  if (!parsed.ok) {
    const { offset, message } = parsed.error;
    return { valid: false, matches: null, error: `at character ${offset + 1}: ${message}` };
  }
  return { valid: true, matches: evaluateSelector(parsed.value, labels), error: null };
}

/** Remembers parsed selectors: a hundred thousand lines are usually about a few. */
function makeAnswerer(): (line: string) => SelectorAnswer {
  const known = new Map<string, Parsed>();
  return (line) => {
    const question = parseQuestion(line);
    if (typeof question === 'string') return { valid: false, matches: null, error: question };
    const parsed = known.get(question.selector) ?? parse(question.selector);
    if (known.size > 10_000) known.clear();
    known.set(question.selector, parsed);
    return evaluateOn(parsed, question.labels);
  };
}

/** The question a line asks, or what is wrong with the line. */
function parseQuestion(line: string): { readonly selector: string; readonly labels: Labels } | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return 'the line is not JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'the line is not a JSON object';
  const { selector, labels = {} } = value as { selector?: unknown; labels?: unknown };
  if (typeof selector !== 'string') return 'selector is not a string';
  if (labels === null) return { selector, labels: {} };
  if (typeof labels !== 'object' || Array.isArray(labels)) return 'labels is not an object';
  const bad = Object.entries(labels).find(([, label]) => typeof label !== 'string');
  return bad ? `label ${bad[0]} is not a string` : { selector, labels: labels as Labels };
}

function parsePairs(command: Command, pairs: readonly string[]): Labels {
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf('=');
      if (equals < 1) failUsage(command, `'${pair}' is no label: write key=value`);
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}

/** `causeway render`: the exact text a router would be given, from files alone. */
import { type Command, Option } from 'commander';
import { compileBird } from '../../bird/compile.ts';
import { printBird } from '../../bird/print.ts';
import type { BirdSnippet } from '../../bird/snippets.ts';
import { readBirdSnippets } from '../../edge/bird-snippets.ts';
import type { RouterIntent } from '../../intent/router-intent.ts';
import { printFacts } from '../../intent/routing/facts.ts';
import { compileRuleset } from '../../nftables/compile.ts';
import { printRuleset } from '../../nftables/print.ts';
import { ok } from '../../result.ts';
import { type Cli, onAction } from '../cli.ts';
import { exitCode } from '../exit-code.ts';
import { addInputOptions, addOutputOption, type InputOptions } from '../options.ts';
import { loadIntent, printLocatedWarning } from '../router-intent.ts';

const help = `
Targets: nft (for nft -f), bird (bird.conf), facts (the BGP intent as JSON), all. Equal files give equal bytes.
The keys of facts are explained in docs/facts.md; they are stable.
Passwords are never known here: a placeholder stands where the router's agent puts the secret.

Examples:
  causeway render -f network/ --router tr1
  causeway render -f network/ --router tr1 --target nft | nft -c -f -
  causeway render -f network/ --router tr1 --target bird --bird-dir bird.d/
  causeway render -f network/ --router tr1 --target facts -o json | jq .sessions`;

type Target = 'nft' | 'bird' | 'facts' | 'all';

interface RenderOptions extends InputOptions {
  readonly router: string;
  readonly target: Target;
  readonly output: string;
  readonly birdDir?: string;
}

export function register(command: Command, cli: Cli): void {
  addInputOptions(command)
    .requiredOption('--router <name>', 'name of the Router or Node')
    .addOption(new Option('--target <what>', 'what to print').choices(['nft', 'bird', 'facts', 'all']).default('all'));
  command.option('--bird-dir <dir>', 'folder of your own BIRD text (*.conf), checked and copied as the agent does');
  addOutputOption(command, ['text', 'json']).addHelpText('after', help);
  onAction<[], RenderOptions>(command, async (_, options) => {
    const loaded = await loadIntent(command, cli, options);
    if (loaded === undefined) return exitCode.error;
    const snippets = options.birdDir === undefined ? ok([]) : await readBirdSnippets(options.birdDir);
    if (!snippets.ok) {
      cli.complain(`error: ${snippets.error.message}`);
      return exitCode.error;
    }
    const texts = renderIntent(loaded.intent, options.target, snippets.value);
    const warnings = loaded.intent.warnings.map((warning) => printLocatedWarning(loaded.snapshot, warning));
    cli.print(options.output === 'json' ? asJson(options, texts, warnings) : asText(texts));
    return exitCode.ok;
  });
}

type Texts = Partial<Record<'nft' | 'bird' | 'facts', string>>;

function renderIntent(intent: RouterIntent, target: Target, snippets: readonly BirdSnippet[]): Texts {
  const wants = (one: Target) => target === one || target === 'all';
  const bird = () => printBird(compileBird(intent.routing, { secrets: placeholders(intent), snippets }));
  return {
    ...(wants('nft') ? { nft: printRuleset(compileRuleset(intent.policy)) } : {}),
    ...(wants('bird') ? { bird: bird() } : {}),
    ...(wants('facts') ? { facts: printFacts(intent) } : {}),
  };
}

/** What stands for each secret; a session whose secret were missing would be rendered as held down. */
function placeholders(intent: RouterIntent): Map<string, string> {
  const refs = intent.routing.sessions.flatMap(({ password }) => password ?? []);
  return new Map(refs.map(({ name, key }) => [`${name}/${key}`, `<secret ${`${name}/${key}`.slice(0, 70)}>`]));
}

/** One target as it is; several under headings that are comments to nft and BIRD alike. */
function asText(texts: Texts): string {
  const parts = Object.entries(texts);
  if (parts.length === 1) return parts.map(([, text]) => text).join('');
  return parts.map(([name, text]) => `# ---- ${name} ----\n${text}`).join('\n');
}

function asJson({ router, target }: RenderOptions, texts: Texts, warnings: readonly string[]): string {
  if (target === 'facts') return texts.facts ?? '';
  const { facts, ...rest } = texts;
  const parsed = facts === undefined ? {} : { facts: JSON.parse(facts) as unknown };
  return `${JSON.stringify({ router, ...rest, ...parsed, warnings }, null, 2)}\n`;
}

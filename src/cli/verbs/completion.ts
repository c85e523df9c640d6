/** `causeway completion`: a script for a shell, made from the verbs as they are. */
import type { Command } from 'commander';
import { kinds } from '../../resources/kinds.ts';
import { type Cli, failUsage, onAction } from '../cli.ts';
import { type CompletionEntry, printBash, printFish, printZsh } from '../completion-script.ts';
import { exitCode } from '../exit-code.ts';

const help = `
Examples:
  causeway completion bash > /etc/bash_completion.d/causeway
  causeway completion zsh > "\${fpath[1]}/_causeway"
  causeway completion fish > ~/.config/fish/completions/causeway.fish`;

const printers = { bash: printBash, zsh: printZsh, fish: printFish };

export function register(command: Command, cli: Cli): void {
  command.argument('<shell>', 'bash, zsh or fish').addHelpText('after', help);
  onAction<[string], object>(command, async ([shell]) => {
    const print = Object.hasOwn(printers, shell) ? printers[shell as keyof typeof printers] : undefined;
    if (print === undefined) failUsage(command, `no completion for '${shell}': bash, zsh or fish`);
    const program = command.parent ?? command;
    cli.print(print(describe(program, [])));
    return exitCode.ok;
  });
}

const kindVerbs = ['get', 'delete', 'label'];

/** Every command line prefix that words can follow, and those words. */
function describe(command: Command, path: readonly string[]): CompletionEntry[] {
  const children = command.commands.filter((child) => child.name() !== 'help');
  const takesKind = path.length === 1 && kindVerbs.includes(path[0] ?? '');
  const entry: CompletionEntry = {
    path,
    words: [
      ...children.map((child) => ({ word: child.name(), summary: child.summary() || child.description() })),
      ...(takesKind ? kinds.map(({ kind }) => ({ word: kind.toLowerCase(), summary: '' })) : []),
      ...command.registeredArguments.flatMap((argument) => (argument.name() === 'shell' ? shells : [])),
    ],
    options: command.options
      .filter(({ hidden }) => !hidden)
      .flatMap((option) => {
        const value = option.required || option.optional;
        return [option.short, option.long]
          .filter((flag) => flag !== undefined)
          .map((flag) => ({
            flag,
            summary: option.description,
            takesValue: value,
            choices: option.argChoices ?? [],
          }));
      }),
  };
  return [entry, ...children.flatMap((child) => describe(child, [...path, child.name()]))];
}

const shells = ['bash', 'zsh', 'fish'].map((word) => ({ word, summary: '' }));

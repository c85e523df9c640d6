/**
 * Completion scripts, from a description of the commands.
 *
 *   commands ─[describe]→ CompletionEntry[] ─[print]→ bash, zsh or fish
 *
 * Invariant: the scripts call nothing but the shell itself, and every word in them is quoted.
 */
export interface CompletionEntry {
  /** The words before the one to complete, without the program's name; empty for the program itself. */
  readonly path: readonly string[];
  readonly words: readonly { readonly word: string; readonly summary: string }[];
  readonly options: readonly {
    readonly flag: string;
    readonly summary: string;
    readonly takesValue: boolean;
    readonly choices: readonly string[];
  }[];
}

const program = 'causeway';

export function printBash(entries: readonly CompletionEntry[]): string {
  const cases = entries.map((entry) => {
    const words = [
      ...entry.words.map(({ word }) => word),
      ...globalFlags(entries, entry),
      ...entry.options.map(({ flag }) => flag),
    ];
    return `    ${quote(entry.path.join(' '))}) words=${quote(unique(words).join(' '))} ;;`;
  });
  const choices = unique(
    entries.flatMap(({ path, options }) =>
      options
        .filter((option) => option.choices.length > 0)
        .map(
          (option) => `    ${quote(`${path.join(' ')}:${option.flag}`)}) choices=${quote(option.choices.join(' '))} ;;`,
        ),
    ),
  );
  return `# bash completion for ${program}; made by "${program} completion bash"
_${program}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" path="" word words="" choices=""
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) continue ;; esac
    case "$path \${word}" in
${pathPatterns(entries)}
    esac
  done
  case "$path:$previous" in
${choices.join('\n')}
  esac
  if [ -n "$choices" ]; then COMPREPLY=($(compgen -W "$choices" -- "$current")); return; fi
  case "$previous" in -f|--filename|--store) COMPREPLY=($(compgen -f -- "$current")); return ;; esac
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o filenames -F _${program} ${program}
`;
}

/** Lines that move the shell's variable \`path\` one word on. */
function pathPatterns(entries: readonly CompletionEntry[]): string {
  const nested = entries.filter(({ path }) => path.length > 0);
  return nested
    .map(({ path }) => {
      const before = path.slice(0, -1).join(' ');
      return `      ${quote(`${before} ${path.at(-1)}`)}) path=${quote(path.join(' '))} ;;`;
    })
    .join('\n');
}

/** Zsh runs bash's completion by its own compatibility layer. */
export function printZsh(entries: readonly CompletionEntry[]): string {
  const bash = printBash(entries).split('\n').slice(1).join('\n');
  return `#compdef ${program}
# zsh completion for ${program}; made by "${program} completion zsh"
autoload -Uz bashcompinit && bashcompinit
${bash}`;
}

export function printFish(entries: readonly CompletionEntry[]): string {
  const lines = entries.flatMap((entry) => {
    const condition = conditionFor(entries, entry);
    const start = `complete -c ${program} -n ${quote(condition)}`;
    return [
      ...entry.words.map(
        ({ word, summary }) => `${start} -f -a ${quote(word)}${summary ? ` -d ${quote(summary)}` : ''}`,
      ),
      ...entry.options.map(({ flag, summary, takesValue, choices }) => {
        const name = flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`;
        const value = takesValue ? ' -r' : '';
        const list = choices.length > 0 ? ` -f -a ${quote(choices.join(' '))}` : '';
        return `${start} ${name}${value}${list} -d ${quote(summary)}`;
      }),
    ];
  });
  return `# fish completion for ${program}; made by "${program} completion fish"\n${lines.join('\n')}\n`;
}

function conditionFor(entries: readonly CompletionEntry[], { path, words }: CompletionEntry): string {
  if (path.length === 0) return '__fish_use_subcommand';
  const seen = path.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ');
  const hasChildren = entries.some((other) => other.path.length === path.length + 1 && other.path[0] === path[0]);
  return hasChildren ? `${seen}; and not __fish_seen_subcommand_from ${words.map(({ word }) => word).join(' ')}` : seen;
}

function globalFlags(entries: readonly CompletionEntry[], entry: CompletionEntry): readonly string[] {
  if (entry.path.length === 0) return [];
  return entries.find(({ path }) => path.length === 0)?.options.map(({ flag }) => flag) ?? [];
}

function unique(words: readonly string[]): string[] {
  return [...new Set(words)];
}

/** In single quotes, which all three shells read alike but for the quote itself. */
function quote(text: string): string {
  return `'${text.replaceAll("'", '’')}'`;
}

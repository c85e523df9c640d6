/** Options that several verbs share, so that they read the same everywhere. */
import { type Command, Option } from 'commander';

export interface InputOptions {
  readonly filename?: readonly string[];
  readonly recursive?: boolean;
  readonly skipEmpty?: boolean;
}

/** `-f` (repeatable), `-R`, `--skip-empty`. */
export function addInputOptions(command: Command): Command {
  return command
    .addOption(
      new Option('-f, --filename <path>', 'file, folder (*.yaml *.yml *.json), or - for stdin; repeatable').argParser(
        (path: string, before: readonly string[] | undefined) => [...(before ?? []), path],
      ),
    )
    .option('-R, --recursive', 'look into folders inside folders')
    .option('--skip-empty', 'nothing to do is no error');
}

/** `-o` with the formats a verb has; the first one unless said. */
export function addOutputOption(command: Command, formats: readonly string[]): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'how to print').choices([...formats]).default(formats[0]),
  );
}

/**
 * What a verb sees of the process: where to write, what was asked for globally, how it ends.
 *
 *   argv ─[run.ts]→ verb(command, cli) → stdout, stderr, exit code
 */
import type { Command } from 'commander';
import type { ExitCode } from './exit-code.ts';

export interface GlobalOptions {
  /** Directory of the embedded store. */
  readonly store: string;
  /** Colour and other terminal decoration is wanted on stdout. */
  readonly color: boolean;
}

export interface Cli {
  /** Writes to stdout, as it is. */
  print(text: string): void;
  /** Writes one line to stderr. */
  complain(line: string): void;
  /** Options that stand before or after any verb. */
  globals(): GlobalOptions;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A verb's module: adds arguments, options and the action to its command. */
export interface VerbModule {
  register(command: Command, cli: Cli): void;
}

export interface VerbEntry {
  readonly name: string;
  /** One line in the list of verbs. */
  readonly summary: string;
  /** Loaded only when the verb is used, so that the others cost nothing at start. */
  readonly load: () => Promise<VerbModule>;
}

/** Ends with exit code 64 and a message, as commander does for options it does not know. */
export function failUsage(command: Command, message: string): never {
  return command.error(`error: ${message}`, { code: 'causeway.usage' });
}

/** Sets the verb's action; it gets the operands, then the options. Its result becomes the exit code. */
export function onAction<Operands extends readonly unknown[], Options>(
  command: Command,
  action: (operands: Operands, options: Options) => Promise<ExitCode>,
): void {
  command.action(async (...given: unknown[]) => {
    // Commander appends the options and the command itself to the operands.
    const operands = given.slice(0, -2) as unknown as Operands;
    process.exitCode = await action(operands, command.opts() as Options);
  });
}

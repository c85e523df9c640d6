/**
 * Runs one command line.
 *
 *   argv → global options, verb → its module, loaded now → action → exit code
 *
 * Invariant: whatever happens, stdout carries only what was asked for, stderr says what went wrong in words, and a stack
 * trace appears only with CAUSEWAY_DEBUG=1.
 */
import { writeSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import type { Cli, GlobalOptions, VerbEntry } from './cli.ts';
import { exitCode } from './exit-code.ts';
import { defaultStoreFolder } from './folders.ts';

const examples = `
Examples:
  causeway validate -f network/                      check files, offline
  causeway render -f network/ --router tr1           the exact text a router would be given
  causeway apply -f network/                         write resources to the store
  causeway get gnp -o wide                           policies, with order and selector
  causeway explain packet -f network/ --router tr1 --in eth0 --src 10.1.0.5 --dst 10.2.0.9 --protocol tcp --dport 443

Run "causeway VERB --help" for a verb's options and examples.`;

export async function run(argv: readonly string[], verbs: readonly VerbEntry[]): Promise<void> {
  quietBrokenPipes();
  const program = makeProgram();
  const cli = makeCli(program);
  process.on('uncaughtException', (error) => {
    process.exit(endWith(error, cli));
  });
  try {
    await addVerbs(program, cli, verbs, chosenVerb(argv));
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    process.exitCode = endWith(error, cli);
  }
}

function makeProgram(): Command {
  const program = new Command('causeway')
    .description('A transit router for hybrid clouds: Calico policy and BGP, planned and applied as one change.')
    .addOption(new Option('--store <dir>', 'directory of the store').env('CAUSEWAY_STORE').default(defaultStoreFolder))
    .option('--no-color', 'plain text (also NO_COLOR=1)')
    .version(`causeway ${packageJson.version}`, '--version', 'print the version')
    .addHelpText('after', examples)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeErr: (text) => void process.stderr.write(printable(text)) })
    .exitOverride();
  return program;
}

/**
 * Adds every verb, but loads only the one that is used; the others need just their name and summary for help and for
 * suggestions. Completion describes all verbs, so it loads all.
 */
async function addVerbs(
  program: Command,
  cli: Cli,
  verbs: readonly VerbEntry[],
  chosen: string | undefined,
): Promise<void> {
  const isCompletion = chosen === 'completion';
  for (const verb of verbs) {
    const command = program.command(verb.name).description(verb.summary).summary(verb.summary);
    // Verbs may stand in any order on the line with the global options, and mistakes end in exit code 64.
    command.exitOverride().showHelpAfterError(`(see "causeway ${verb.name} --help")`);
    if (verb.name === chosen || isCompletion) (await verb.load()).register(command, cli);
  }
}

/** The verb a line names: the first word that is neither an option nor an option's value, after a leading `help`. */
function chosenVerb(argv: readonly string[]): string | undefined {
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at];
    if (word === undefined || word === 'help') continue;
    if (word === '--store') at += 1;
    else if (!word.startsWith('-')) return word;
  }
  return undefined;
}

function makeCli(program: Command): Cli {
  return {
    print: (text) => void process.stdout.write(text),
    complain: (line) => void process.stderr.write(`${printable(line)}\n`),
    env: process.env,
    globals: (): GlobalOptions => {
      const { store, color } = program.opts<{ store: string; color: boolean }>();
      const isWanted = color && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';
      return { store, color: isWanted && process.stdout.isTTY === true };
    },
  };
}

/** A name in a broken file may hold escape sequences; they must not reach the terminal. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '?');
}

/** The exit code of what was thrown; says in words what commander has not said yet. */
function endWith(error: unknown, cli: Cli): number {
  if (error instanceof CommanderError) {
    const isHelp = error.code === 'commander.helpDisplayed' || error.code === 'commander.version';
    return isHelp ? exitCode.ok : exitCode.usage;
  }
  const message = error instanceof Error ? error.message : String(error);
  cli.complain(`causeway: internal error: ${message.split('\n')[0]} (CAUSEWAY_DEBUG=1 shows where)`);
  if (cli.env['CAUSEWAY_DEBUG'] === '1' && error instanceof Error && error.stack) cli.complain(error.stack);
  return exitCode.error;
}

/** `causeway get … | head` ends when head does, without a word. */
function quietBrokenPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(exitCode.ok);
      if (stream === process.stdout)
        writeSync(process.stderr.fd, `error: the output cannot be written: ${error.message}\n`);
      process.exit(exitCode.error);
    });
  }
}

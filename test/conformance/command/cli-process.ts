/** Runs the command as its users do: `bin/causeway` as a process of its own, on a store and files of the test's own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export interface Finished {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Runs it without root's capabilities: what belongs to another user cannot be written. */
  readonly powerless?: boolean;
}

export interface Bench {
  readonly folder: string;
  /** Runs `causeway …` to its end. */
  run(argv: readonly string[], options?: RunOptions): Promise<Finished>;
  /** Starts `causeway …` and leaves its streams to the caller. */
  start(argv: readonly string[], options?: RunOptions): ChildProcess;
  /** Writes a file into the folder and gives its path. */
  write(name: string, text: string): string;
  remove(): void;
}

export const program = resolve('bin/causeway');

/** A folder with a store of its own. Builds the program once, so that runs measure and test the program alone. */
export async function makeBench(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-cli-'));
  const start = (argv: readonly string[], options: RunOptions = {}) =>
    spawn(...commandLine([process.execPath, program, ...argv], options), {
      cwd: options.cwd ?? folder,
      env: {
        PATH: process.env['PATH'],
        CAUSEWAY_STORE: join(folder, 'store'),
        CAUSEWAY_NO_BUILD: '1',
        ...options.env,
      },
    });
  const bench: Bench = {
    folder,
    start,
    run: (argv, options = {}) => finish(start(argv, options), options.input),
    write: (name, text) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
  const built = await bench.run(['version'], { env: { CAUSEWAY_NO_BUILD: '' } });
  if (built.code !== 0) throw new Error(`causeway cannot be built: ${built.stderr}`);
  return bench;
}

/** Capabilities are dropped rather than the user changed, since a checkout may lie where only root can read. */
function commandLine([node = '', ...args]: readonly string[], { powerless }: RunOptions): [string, string[]] {
  return powerless ? ['setpriv', ['--bounding-set=-all', '--inh-caps=-all', node, ...args]] : [node, args];
}

function finish(child: ChildProcess, input = ''): Promise<Finished> {
  return new Promise((done, failed) => {
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', failed);
    child.on('close', (code) => done({ stdout, stderr, code }));
    // A program that ends without reading its input is no failure of the test.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

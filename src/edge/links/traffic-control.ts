/**
 * Our BPF filters at the entrance of devices, by `tc`.
 *
 *   names of devices ─[read]→ EntranceFilter[] ; FilterWish ─[attach]→ filter ; [detach]
 *
 * Invariant: a filter is ours by the name of the file that its program came from, and no other is ever touched. (The program itself
 * may be asked for its name by nobody without CAP_SYS_ADMIN.) A filter outlives who attached it and goes with its device.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { err, ok, type Result } from '../../result.ts';
import { printProgramError, runProgram } from '../run-program.ts';
import type { Instruction } from './bpf-assembler.ts';
import { printBpfObject, programSection } from './bpf-object.ts';

export interface EntranceFilter {
  /** Order of asking, lowest first. */
  readonly preference: number;
  /** Of its BPF program; undefined for other filters. */
  readonly program: string | undefined;
}

export interface FilterWish {
  readonly device: string;
  readonly preference: number;
  /** Kinds of frames that are asked about, in words of `tc`. */
  readonly protocol: '802.1Q' | 'all';
  /** Up to 15 letters, digits and `_`. */
  readonly name: string;
  readonly program: readonly Instruction[];
}

export interface TrafficControl {
  /** Filters at the entrances of these devices, which must be there. */
  read(devices: readonly string[]): Promise<Result<ReadonlyMap<string, readonly EntranceFilter[]>, string>>;
  /** Replaces the filter of the same preference. */
  attach(wish: FilterWish): Promise<Result<void, string>>;
  /** Takes one filter away, and with the last one what holds filters. */
  detach(device: string, preference: number): Promise<Result<void, string>>;
}

interface TcFilter {
  readonly pref: number;
  readonly options?: { readonly bpf_name?: string };
}

/** `dir` is for the files that `tc` loads; they are gone when it has. */
export function createTrafficControl(dir: string, launcher: readonly string[]): TrafficControl {
  async function run(args: readonly string[], input?: string): Promise<Result<string, string>> {
    const [program = '', ...before] = [...launcher, 'tc'];
    const output = await runProgram(program, [...before, ...args], input === undefined ? {} : { input });
    if (!output.ok) return err(printProgramError(output.error));
    const { exitCode, stdout, stderr } = output.value;
    return exitCode === 0 ? ok(stdout) : err(stderr.trim().split('\n')[0] ?? 'tc failed');
  }

  async function ask(commands: readonly string[]): Promise<Result<readonly unknown[][], string>> {
    if (commands.length === 0) return ok([]);
    const output = await run(['-json', '-batch', '-'], commands.map((command) => `${command}\n`).join(''));
    if (!output.ok) return output;
    const answers = output.value.split('\n').filter((line) => line.trim() !== '');
    if (answers.length !== commands.length) return err(`tc answered ${answers.length} of ${commands.length} questions`);
    return ok(answers.map((answer) => JSON.parse(answer) as unknown[]));
  }

  async function holderOf(device: string): Promise<Result<string | undefined, string>> {
    const answer = await ask([`qdisc show dev ${device}`]);
    if (!answer.ok) return answer;
    const kinds = (answer.value[0] as readonly { kind: string }[]).map(({ kind }) => kind);
    return ok(kinds.find((kind) => kind === 'clsact' || kind === 'ingress'));
  }

  return {
    async read(devices) {
      const answers = await ask(devices.map((device) => `filter show dev ${device} ingress`));
      if (!answers.ok) return answers;
      return ok(new Map(devices.map((device, i) => [device, parseFilters(answers.value[i] as readonly TcFilter[])])));
    },
    async attach({ device, preference, protocol, name, program }) {
      const holder = await holderOf(device);
      if (!holder.ok) return holder;
      if (holder.value === undefined) {
        const made = await run(['qdisc', 'add', 'dev', device, 'clsact']);
        if (!made.ok) return made;
      }
      await mkdir(dir, { recursive: true, mode: 0o700 });
      const file = join(dir, `${name}.o`);
      await writeFile(file, printBpfObject(name, program), { mode: 0o600 });
      const place = ['dev', device, 'ingress', 'pref', `${preference}`, 'handle', '1', 'protocol', protocol];
      const what = ['bpf', 'direct-action', 'object-file', file, 'section', programSection];
      const attached = await run(['filter', 'replace', ...place, ...what]);
      await rm(file, { force: true });
      return attached.ok ? ok(undefined) : attached;
    },
    async detach(device, preference) {
      const removed = await run(['filter', 'delete', 'dev', device, 'ingress', 'pref', `${preference}`]);
      if (!removed.ok) return removed;
      const left = await ask([`filter show dev ${device} ingress`, `filter show dev ${device} egress`]);
      const holder = await holderOf(device);
      if (!left.ok || !holder.ok || holder.value !== 'clsact' || left.value.some((filters) => filters.length > 0)) {
        return ok(undefined);
      }
      const emptied = await run(['qdisc', 'delete', 'dev', device, 'clsact']);
      return emptied.ok ? ok(undefined) : emptied;
    },
  };
}

/** `tc` tells each preference first, and then each filter of it. */
function parseFilters(filters: readonly TcFilter[]): readonly EntranceFilter[] {
  return filters
    .filter(({ options }) => options !== undefined)
    .map(({ pref, options }) => ({ preference: pref, program: programOf(options?.bpf_name) }));
}

/** `cw101_45.o:[classifier]`, file and section as `tc` noted them. */
function programOf(origin: string | undefined): string | undefined {
  const [name, section] = origin?.split('.o:') ?? [];
  return section === `[${programSection}]` ? name : undefined;
}

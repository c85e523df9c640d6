/**
 * The command line of the benchmark.
 *
 *   npm run bench -- [--quick] [--only PART]… [--write] [--out FILE] [--core N]
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { err, ok, type Result } from '../src/result.ts';

export const parts = ['forwarding', 'compile', 'change', 'agent', 'routing', 'failover', 'links', 'size'] as const;
export type Part = (typeof parts)[number];

export interface BenchOptions {
  readonly isQuick: boolean;
  /** Puts the measured sizes into src/size/constants.ts. */
  readonly writesConstants: boolean;
  readonly parts: readonly Part[];
  readonly outFile: string;
  /** The core that sender, router and receiver share. */
  readonly core: number;
}

export const usage = `Usage: npm run bench -- [options]
  --quick        fewer rounds and the small sizes only
  --only PART    ${parts.join(', ')}; may be given several times
  --write        what size measures becomes what causeway size predicts from (src/size/constants.ts)
  --out FILE     where the figures go as JSON (default .cache/bench.json)
  --core N       the core that is measured (default: the last one)`;

/** The options, or what is wrong with the arguments, in words. */
export function parseOptions(args: readonly string[]): Result<BenchOptions | 'help', string> {
  const parsed = readArguments(args);
  if (!parsed.ok) return parsed;
  const { quick, only, write, out, core, help } = parsed.value;
  if (help) return ok('help');
  const unknown = only.find((name) => !isPart(name));
  if (unknown !== undefined) return err(`--only ${unknown}: not one of ${parts.join(', ')}`);
  const cores = availableParallelism();
  const chosen = core === undefined ? cores - 1 : Number(core);
  if (!Number.isInteger(chosen) || chosen < 0 || chosen > 63) return err(`--core ${core}: not a number of a core`);
  const wanted = parts.filter((part) => only.length === 0 || only.includes(part));
  if (write && quick) return err('--write wants the sizes of a whole run, so not with --quick');
  if (write && !wanted.includes('size')) return err('--write is of the part size');
  return ok({ isQuick: quick, writesConstants: write, parts: wanted, outFile: out, core: chosen });
}

interface Arguments {
  readonly quick: boolean;
  readonly only: readonly string[];
  readonly write: boolean;
  readonly out: string;
  readonly core: string | undefined;
  readonly help: boolean;
}

function readArguments(args: readonly string[]): Result<Arguments, string> {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        write: { type: 'boolean', default: false },
        out: { type: 'string', default: '.cache/bench.json' },
        core: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    return ok({ ...values, core: values.core });
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error)); // parseArgs throws a TypeError for what it does not know
  }
}

function isPart(name: string): name is Part {
  return parts.some((part) => part === name);
}

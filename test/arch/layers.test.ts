/**
 * The layer table holds, the check that says so sees the whole tree, and it would fail if the table were broken.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

interface Cruise {
  readonly summary: {
    readonly totalCruised: number;
    readonly violations: readonly {
      readonly rule: { readonly name: string };
      readonly from: string;
      readonly to: string;
    }[];
  };
}

async function cruise(folder: string, ...paths: string[]): Promise<Cruise> {
  const program = join(root, 'node_modules/.bin/depcruise');
  const config = join(folder, '.dependency-cruiser.mjs');
  const args = ['--config', config, '--output-type', 'json', ...paths];
  const { stdout } = await run(program, args, { cwd: folder, maxBuffer: 256 * 1024 * 1024 }).catch((error) => error);
  return JSON.parse(stdout) as Cruise;
}

async function sourceFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true });
  return entries.filter((entry) => entry.endsWith('.ts')).map((entry) => join(folder, entry));
}

describe('the layers', () => {
  it('hold in the whole tree, which the check sees', async () => {
    const { summary } = await cruise(root, 'src', 'lab', 'bench');
    expect(summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`)).toEqual([]);
    const files = await sourceFiles(join(root, 'src'));
    expect(summary.totalCruised).toBeGreaterThanOrEqual(files.length);
  });

  const plantings = [
    ['a lower layer that imports a higher one', 'layer-net', 'src/net/planted.ts', `import '../agent/target.ts';`],
    ['Node in a pure layer', 'pure-no-node', 'src/intent/planted.ts', `import 'node:fs';`],
    ['a package in a pure layer', 'pure-few-packages', 'src/bird/planted.ts', `import 'commander';`],
    ['native code outside edge/', 'ffi-only-at-the-edge', 'src/cli/planted.ts', `import 'lmdb';`],
    ['the lab in the product', 'src-not-to-lab', 'src/edge/planted.ts', `import '../../lab/target.ts';`],
    ['a cycle', 'no-cycles', 'src/net/planted.ts', `import './planted.ts';\nimport './back.ts';`],
  ] as const;

  const folders: string[] = [];
  afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

  it.each(plantings)('would be reported: %s', async (_, rule, path, text) => {
    const folder = await mkdtemp(join(tmpdir(), 'causeway-layers-'));
    folders.push(folder);
    const files: Record<string, string> = {
      [path]: text,
      'src/agent/target.ts': 'export const x = 1;',
      'src/net/back.ts': `import './planted.ts';`,
      'lab/target.ts': 'export const x = 1;',
    };
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), content);
    }
    for (const name of ['.dependency-cruiser.mjs', 'tsconfig.json', 'package.json']) {
      await cp(join(root, name), join(folder, name));
    }
    const { symlink } = await import('node:fs/promises');
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    const { summary } = await cruise(folder, 'src', 'lab');
    expect(summary.violations.map((violation) => violation.rule.name)).toContain(rule);
  });

  it('are drawn in ARCHITECTURE.md as they are checked', async () => {
    const { layers } = (await import(join(root, '.dependency-cruiser.mjs'))) as { layers: Record<string, string[]> };
    const text = await readFile(join(root, 'ARCHITECTURE.md'), 'utf8');
    for (const [layer, allowed] of Object.entries(layers)) {
      expect(text).toContain(`| \`${layer}/\` | ${allowed.join(', ') || '–'} |`);
    }
  });
});

describe('every module', () => {
  it('opens by saying what it is', async () => {
    const files = [...(await sourceFiles(join(root, 'src'))), ...(await sourceFiles(join(root, 'lab')))];
    const silent: string[] = [];
    for (const file of files) {
      if (!/^(#!.*\n)?\/\*\*/.test(await readFile(file, 'utf8'))) silent.push(file.slice(root.length + 1));
    }
    expect(silent.filter((file) => !file.endsWith('.test.ts'))).toEqual([]);
  });
});

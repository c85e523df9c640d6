/**
 * Builds dist/: the command as one small file and chunks that it loads when they are used.
 *
 *   src/bin/causeway.ts ─[esbuild]→ dist/causeway.js + dist/<name>-<hash>.js
 *
 * Invariant: safe while others run or build. A chunk is named by its content and never changes; the entry, which names the
 * chunks, takes its place by rename and last. Chunks of an older build stay for a day, for processes that may yet load them.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const dist = join(root, 'dist');
export const entry = join(dist, 'causeway.js');

const keepChunksMs = 24 * 3600 * 1000;

/** Builds; throws when a source cannot be read or parsed, and then leaves dist/ as it was. */
export async function build() {
  // The entry is dated to the start, so that what is edited during the build counts as newer.
  const started = new Date();
  const { build: bundle, stop } = await import('esbuild');
  const { outputFiles } = await bundle({
    absWorkingDir: root,
    entryPoints: { causeway: 'src/bin/causeway.ts' },
    outdir: dist,
    write: false,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'linked',
    external: ['koffi', 'lmdb'],
    // Bundled CommonJS packages (commander) still call require for Node's own modules.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'silent',
  }).finally(stop);
  mkdirSync(dist, { recursive: true });
  const isEntry = ({ path }) => basename(path).startsWith('causeway.js');
  for (const file of [...outputFiles.filter((each) => !isEntry(each)), ...outputFiles.filter(isEntry)]) {
    const partial = `${file.path}.${process.pid}.tmp`;
    writeFileSync(partial, file.contents);
    renameSync(partial, file.path);
  }
  utimesSync(entry, started, started);
  removeOldChunks(new Set(outputFiles.map(({ path }) => basename(path))));
}

function removeOldChunks(current) {
  const limit = Date.now() - keepChunksMs;
  for (const name of readdirSync(dist)) {
    const path = join(dist, name);
    if (!current.has(name) && statSync(path, { throwIfNoEntry: false })?.mtimeMs < limit) rmSync(path, { force: true });
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const start = performance.now();
  try {
    await build();
    console.log(`built dist/ in ${Math.round(performance.now() - start)} ms`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}

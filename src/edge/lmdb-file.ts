/**
 * Looks at a store's directory and data file before LMDB does: LMDB would crash the process on a file that is not its own.
 *
 * Invariant: only reads, apart from making the directory; a file that passes carries LMDB's stamp on both meta pages, and
 * the roots of its tables lie inside it.
 */
import { closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs';
import { dirname } from 'node:path';

/** Offsets in an LMDB page with a meta record, for the 64-bit format (page header of 24 bytes, then MDB_meta). */
const meta = { magic: 24, version: 28, pageSize: 48, freeRoot: 88, mainRoot: 136, end: 160 } as const;
const magic = 0xbeefc0de;
const noRoot = 0xffffffffffffffffn;

/**
 * Makes a directory and those above it, readable by their owner alone.
 *
 * Node's own recursive mkdir never returns below /proc, so the steps are taken here.
 * @throws the file system's error
 */
export function makePrivateDirectory(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(directory) === directory) throw cause;
    makePrivateDirectory(dirname(directory));
    mkdirSync(directory, { mode: 0o700 });
  }
}

/** Why a data file cannot be LMDB's; undefined when it looks right, is empty or is not there. */
export function damageOf(dataFile: string): string | undefined {
  let file: number;
  try {
    file = openSync(dataFile, 'r');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
  try {
    return fstatSync(file).size === 0 ? undefined : damageOfPages(file);
  } finally {
    closeSync(file);
  }
}

function damageOfPages(file: number): string | undefined {
  const first = readMeta(file, 0);
  if (first === undefined) return 'data.mdb is not an LMDB file';
  const pageSize = first.readUInt32LE(meta.pageSize);
  const second = readMeta(file, pageSize);
  if (second === undefined) return 'data.mdb is not an LMDB file, or was cut short';
  // Asked after the pages were read: another process may make the file longer at any time, never shorter.
  const { size } = fstatSync(file);
  const inside = [first, second].every((page) =>
    [meta.freeRoot, meta.mainRoot].every((offset) => {
      const root = page.readBigUInt64LE(offset);
      return root === noRoot || (root + 1n) * BigInt(pageSize) <= BigInt(size);
    }),
  );
  return inside ? undefined : 'data.mdb was cut short';
}

function readMeta(file: number, offset: number): Buffer | undefined {
  const page = Buffer.alloc(meta.end);
  if (readSync(file, page, 0, page.length, offset) < page.length) return undefined;
  return page.readUInt32LE(meta.magic) === magic ? page : undefined;
}

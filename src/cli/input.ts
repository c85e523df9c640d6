/**
 * Reads what `-f` names: files, folders, stdin.
 *
 *   -f PATH… ─[readInput]→ InputFile[], what cannot be read ─[parseFiles]→ resources
 *
 * Invariant: reads at most 64 MiB of one input, and says of every path that cannot be read why, all at once.
 */
import { createReadStream } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { InputFile } from '../resources/document.ts';
import { err, ok, type Result } from '../result.ts';

export interface InputError {
  readonly path: string;
  readonly reason: string;
  /** A folder without any file of resources. */
  readonly isEmpty?: true;
}

const resourceFile = /\.(ya?ml|json)$/;
const maxBytes = 64 * 1024 * 1024;

export interface Input {
  readonly files: readonly InputFile[];
  /** Of the paths that cannot be read; what can be is in `files` all the same, so that its errors are told as well. */
  readonly errors: readonly InputError[];
}

/** In the order given; the files of a folder by name. A file that is named twice, however spelt, is read once. */
export async function readInput(
  paths: readonly string[],
  options: { readonly recursive?: boolean } = {},
): Promise<Input> {
  const files: InputFile[] = [];
  const errors: InputError[] = [];
  const found: string[] = [];
  for (const path of paths) {
    const listed = await listFiles(path, options.recursive ?? false);
    if (listed.ok) found.push(...listed.value);
    else errors.push(listed.error);
  }
  const distinct = new Map(found.toReversed().map((path) => [path === '-' ? path : resolve(path), path]));
  for (const path of [...distinct.values()].reverse()) {
    try {
      files.push({ path: path === '-' ? '<stdin>' : path, text: await readText(path) });
    } catch (cause) {
      errors.push({ path, reason: reasonOf(cause) });
    }
  }
  return { files, errors };
}

async function listFiles(path: string, isRecursive: boolean): Promise<Result<readonly string[], InputError>> {
  if (path === '-') return ok([path]);
  try {
    if (!(await stat(path)).isDirectory()) return ok([path]);
    const files = await filesIn(path, isRecursive, new Set());
    if (files.length > 0) return ok(files);
    const hint = isRecursive ? '' : '; -R looks into folders inside';
    return err({ path, reason: `the folder holds no *.yaml, *.yml or *.json file${hint}`, isEmpty: true });
  } catch (cause) {
    return err({ path, reason: reasonOf(cause) });
  }
}

/** `above` holds the real paths on the way down, so that a symbolic link to a folder above ends there. */
async function filesIn(folder: string, isRecursive: boolean, above: ReadonlySet<string>): Promise<string[]> {
  const real = await realpath(folder);
  if (above.has(real)) return [];
  const names = (await readdir(folder)).sort();
  const files: string[] = [];
  for (const name of names) {
    const path = join(folder, name);
    const kind = await stat(path);
    if (kind.isDirectory()) {
      if (isRecursive) files.push(...(await filesIn(path, true, new Set([...above, real]))));
    } else if (resourceFile.test(name)) files.push(path);
  }
  return files;
}

/** Bytes that are not UTF-8 become U+FFFD, which the parser refuses with their place. */
async function readText(path: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const stream = path === '-' ? process.stdin : createReadStream(path);
  for await (const chunk of stream as AsyncIterable<Buffer | string>) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    size += bytes.length;
    if (size > maxBytes) throw new Error('larger than 64 MiB: split it');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EISDIR: 'is a folder',
  ELOOP: 'too many symbolic links',
  ENOTDIR: 'a part of the path is no folder',
};

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return ('code' in cause && reasons[String(cause.code)]) || cause.message;
}

/** Where the checkout (or the installed package) is, both for the sources under vitest and for the bundle in dist/. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

let found: string | undefined;

/** The nearest folder upwards that holds a package.json. */
export function packageRoot(): string {
  if (found !== undefined) return found;
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(`${folder}/package.json`) && folder !== '/') folder = dirname(folder);
  found = folder;
  return folder;
}

/** The command as a user of the checkout runs it. */
export function causewayProgram(): string {
  return `${packageRoot()}/bin/causeway`;
}

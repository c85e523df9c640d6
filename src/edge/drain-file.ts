/**
 * The file that says that the router is drained (agent/drain-record.ts).
 */
import { readFile, unlink } from 'node:fs/promises';
import { parseDrainRecord } from '../agent/drain-record.ts';
import type { DrainFile } from '../agent/ports.ts';
import { err, ok } from '../result.ts';
import { writeFileAtomically } from './atomic-file.ts';

export function createDrainFile(path: string): DrainFile {
  return {
    async load() {
      const readAt = new Date().toISOString();
      try {
        return parseDrainRecord(await readFile(path, 'utf8'), readAt);
      } catch (error) {
        // There is one, whatever it says.
        return isMissing(error) ? undefined : parseDrainRecord('', readAt);
      }
    },
    async save(record) {
      try {
        if (record) await writeFileAtomically(path, JSON.stringify(record));
        else await unlink(path);
        return ok(undefined);
      } catch (error) {
        if (record === undefined && isMissing(error)) return ok(undefined);
        return err({ message: `${path} cannot be written: ${(error as Error).message}` });
      }
    },
  };
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

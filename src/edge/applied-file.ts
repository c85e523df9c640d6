/**
 * The file that lets a restarted agent recognise its own table (agent/applied-record.ts).
 */
import { readFile } from 'node:fs/promises';
import { parseAppliedRecord } from '../agent/applied-record.ts';
import type { AppliedFile } from '../agent/ports.ts';
import { writeFileAtomically } from './atomic-file.ts';

/** `onError` hears why it cannot be kept; the agent works without it, and writes its table anew after a restart. */
export function createAppliedFile(path: string, router: string, onError: (message: string) => void): AppliedFile {
  return {
    async load() {
      try {
        return parseAppliedRecord(await readFile(path, 'utf8'), router);
      } catch {
        return undefined;
      }
    },
    async save(record) {
      try {
        await writeFileAtomically(path, JSON.stringify(record));
      } catch (error) {
        onError((error as Error).message);
      }
    },
  };
}

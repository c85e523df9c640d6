/**
 * The file that says that this machine is a router of ours (agent/applied-record.ts).
 */
import { readFile } from 'node:fs/promises';
import { parseAppliedRecord } from '../agent/applied-record.ts';
import type { AppliedFile } from '../agent/ports.ts';
import { writeFileAtomically } from './atomic-file.ts';

/** `onError` hears why it cannot be kept; a restarted agent then takes nothing away when the router is gone. */
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
        return true;
      } catch (error) {
        onError((error as Error).message);
        return false;
      }
    },
  };
}

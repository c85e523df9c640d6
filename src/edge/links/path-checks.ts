/**
 * Looks whether packets as large as each link's device reach the other end, for `causeway doctor`.
 *
 *   LinkStatus[] ─[checkPaths]─ echo requests ─▶ Finding[]
 *
 * Invariant: ends within `patienceMs` and the time of one path, however many links there are and whatever is wrong with them.
 */
import type { LinkStatus } from '../../links/link-keeper.ts';
import { type Echo, findPathMtu } from '../../links/path-mtu.ts';
import type { Family } from '../../net/address.ts';
import { fewAtOnce } from '../few-at-once.ts';
import { type Finding, fine } from '../finding.ts';
import { ping } from './ping.ts';

/** Paths that are asked at a time: nearly all of it is waiting. */
const pathsAtOnce = 32;
/** No path is begun later, in ms. */
const patienceMs = 30_000;

interface Path {
  readonly interfaceName: string;
  /** Of the device, in bytes. */
  readonly mtu: number;
  readonly remote: string;
}

export type EchoOf = (path: Path, family: Family) => Echo;

/** In the order of the links. `now` in ms. */
export async function checkPaths(
  links: readonly LinkStatus[],
  echoOf: EchoOf = pingOf,
  now: () => number = () => performance.now(),
): Promise<readonly Finding[]> {
  const paths = links.flatMap(pathsOf);
  /** What was found last: tunnels that share a way share what is wrong with it. */
  let guess: number | undefined;
  const deadline = now() + patienceMs;
  const findings = await fewAtOnce(pathsAtOnce, paths, async (path) => {
    if (now() >= deadline) return undefined;
    const family: Family = path.remote.includes(':') ? 6 : 4;
    const found = await findPathMtu(echoOf(path, family), path.mtu, guess);
    if (found.kind === 'narrower') guess = found.bytes;
    return findingOf(path, found);
  });
  return [...findings.filter((finding) => finding !== undefined), ...leftOut(paths.length, findings)];
}

/** What is down carries nothing, which its own finding says. */
function pathsOf({ interfaceName, mtu, state, remotes }: LinkStatus): readonly Path[] {
  return state === 'up' && mtu !== null ? remotes.map((remote) => ({ interfaceName, mtu, remote })) : [];
}

const pingOf: EchoOf =
  ({ interfaceName, remote }, family) =>
  (bytes) =>
    ping(interfaceName, remote, family, bytes);

function findingOf({ interfaceName, remote, mtu }: Path, found: Awaited<ReturnType<typeof findPathMtu>>): Finding {
  const check = `path ${interfaceName}`;
  switch (found.kind) {
    case 'whole':
      return fine(check, `${mtu} bytes reach ${remote}`);
    case 'unanswered': {
      const fix = 'let it answer echo requests of this router, or look for what is wrong by other means';
      return { check, result: 'warning', found: `${remote} answers no echo request: its MTU is not known`, fix };
    }
    case 'narrower': {
      const { bytes, isTold } = found;
      if (isTold) return fine(check, `${bytes} of ${mtu} bytes reach ${remote}, and senders are told`);
      const what = `packets of more than ${bytes} bytes to ${remote} vanish; the device lets ${mtu} pass`;
      return { check, result: 'error', found: what, fix: fixOf(remote, bytes) };
    }
  }
}

function fixOf(remote: string, bytes: number): string {
  // RFC 8200 §5: no mtu could be written that says so.
  if (remote.includes(':') && bytes < 1280) return 'mend the path: IPv6 needs 1280 bytes on every link';
  return `set the Attachment's mtu to ${bytes}, or mend the path`;
}

function leftOut(paths: number, findings: readonly (Finding | undefined)[]): readonly Finding[] {
  const seen = findings.filter((finding) => finding !== undefined).length;
  if (seen === paths) return [];
  const found = `${paths - seen} of ${paths} were not looked at: the others took ${patienceMs / 1000} s`;
  return [{ check: 'paths', result: 'warning', found, fix: 'mend what was found, and look again' }];
}

/**
 * The kernel's table of tracked flows, of the network namespace the process is in (nfnetlink, subsystem conntrack).
 *
 * Invariant: reading never keeps more than the flows that were asked for; deleting names each flow whole.
 */
import {
  encodeDeleteFlow,
  encodeDumpFlows,
  readTrackedFlow,
  type TrackedFlow,
} from '../flows/established/tracked-flow.ts';
import { AttributeWriter } from '../netlink/attributes.ts';
import { err, ok, type Result } from '../result.ts';
import { errnos, type NetlinkError, openNetlinkSocket } from './netlink-socket.ts';

export interface ConntrackError {
  readonly kind: 'not-permitted' | 'failed';
  readonly message: string;
}

/** An interrupted dump is read again this often: a busy table changes while it is read. */
const mostReads = 5;

/** The flows that `pick` picks; `pick` sees every flow of the table, and all anew after `restart`. */
export async function pickFlows(
  pick: (flow: TrackedFlow) => boolean,
  restart: () => void,
): Promise<Result<readonly TrackedFlow[], ConntrackError>> {
  const socket = openNetlinkSocket();
  if (!socket) return err(noSocket);
  try {
    const writer = new AttributeWriter(64);
    for (let read = 1; ; read++) {
      const picked: TrackedFlow[] = [];
      if (read > 1) restart();
      writer.reset();
      encodeDumpFlows(writer, read);
      const dumped = await socket.requestEach(writer.bytes(), (message) => {
        const flow = readTrackedFlow(message);
        if (flow && pick(flow)) picked.push(flow);
      });
      if (dumped.ok) return ok(picked);
      const isInterrupted = dumped.error.errno === errnos.EINTR || dumped.error.kind === 'lost';
      if (!isInterrupted || read === mostReads) return err(told('the table of flows cannot be read', dumped.error));
    }
  } finally {
    socket.close();
  }
}

/** How many were deleted; one that had ended by itself meanwhile counts as none. */
export async function deleteFlows(flows: readonly TrackedFlow[]): Promise<Result<number, ConntrackError>> {
  const socket = openNetlinkSocket();
  if (!socket) return err(noSocket);
  try {
    const writer = new AttributeWriter(512);
    let deleted = 0;
    for (const [sequence, flow] of flows.entries()) {
      writer.reset();
      encodeDeleteFlow(writer, sequence + 1, flow);
      const done = await socket.request(writer.bytes());
      if (done.ok) deleted++;
      else if (done.error.errno !== errnos.ENOENT) return err(told('a flow cannot be deleted', done.error));
    }
    return ok(deleted);
  } finally {
    socket.close();
  }
}

const noSocket: ConntrackError = { kind: 'not-permitted', message: 'no netfilter socket can be had here' };

function told(what: string, { kind, errno }: NetlinkError): ConntrackError {
  return kind === 'not-permitted'
    ? { kind, message: `${what}: it takes CAP_NET_ADMIN` }
    : { kind: 'failed', message: `${what}: errno ${errno}` };
}

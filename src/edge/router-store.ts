/**
 * The store as a router's agent uses it: snapshots come in, status goes out, and a store that goes away is opened again.
 *
 *   Store ─[followSnapshots]→ SnapshotSource;  StatusWriter ─[updateStatus]→ Store
 *
 * Invariant: while the store is away nothing is delivered, so that whoever follows keeps what it has.
 */
import type { SnapshotSource, StatusWriter } from '../agent/ports.ts';
import { err, ok, type Result } from '../result.ts';
import type { ResourceName } from '../store/keys.ts';
import type { Stamps } from '../store/plan-write.ts';
import { printResourceError, printStoreError } from '../store/resource-error.ts';
import { createResourceStore } from '../store/resource-store.ts';
import { followSnapshots, type InvalidObject, nothingFollowed, type SnapshotFollower } from '../store/snapshots.ts';
import type { Store, StoreError } from '../store/store.ts';

const reopenAfterMs = 1000;

export interface RouterStore {
  readonly snapshots: SnapshotSource;
  readonly status: StatusWriter;
  /** Writes the status of the CalicoNodeStatus of that name; fine when there is none any more. */
  writeNodeStatus(name: string, status: Readonly<Record<string, unknown>>): ReturnType<StatusWriter['write']>;
  close(): Promise<void>;
}

export function openRouterStore(open: () => Promise<Result<Store, StoreError>>, stamps: Stamps): RouterStore {
  let store: Store | undefined;
  let follower: SnapshotFollower | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const followed = nothingFollowed();

  async function begin(listener: Parameters<SnapshotSource['follow']>[0]): Promise<void> {
    const opened = await open();
    if (!opened.ok) return lose(listener, opened.error);
    if (isClosed) return opened.value.close();
    store = opened.value;
    follower = followSnapshots(
      opened.value,
      (snapshot, invalid) => {
        listener.onConnection(true, '');
        listener.onSnapshot(snapshot, {
          invalid: invalid.map(printInvalid),
          unreadable: invalid.filter(({ isLastValidKept }) => !isLastValidKept).map(printSubject),
        });
      },
      (error) => void lose(listener, error),
      followed,
    );
  }

  async function lose(listener: Parameters<SnapshotSource['follow']>[0], error: StoreError): Promise<void> {
    if (isClosed) return;
    listener.onConnection(false, printStoreError(error));
    follower?.close();
    await store?.close();
    store = undefined;
    timer = setTimeout(() => void begin(listener), reopenAfterMs);
  }

  async function close(): Promise<void> {
    isClosed = true;
    clearTimeout(timer);
    follower?.close();
    await store?.close();
    store = undefined;
  }

  return {
    snapshots: {
      follow(listener) {
        void begin(listener);
        return { close: () => follower?.close() };
      },
    },
    // A router that a Calico Node alone describes has no object of ours to carry a status; its socket serves it.
    status: { write: (status) => writeStatus(store, stamps, { kind: 'Router', name: status.router }, { ...status }) },
    writeNodeStatus: (name, status) => writeStatus(store, stamps, { kind: 'CalicoNodeStatus', name }, status),
    close,
  };
}

async function writeStatus(
  store: Store | undefined,
  stamps: Stamps,
  subject: ResourceName,
  status: Readonly<Record<string, unknown>>,
): Promise<Result<void, { readonly kind: string; readonly message: string }>> {
  if (store === undefined) return err({ kind: 'unavailable', message: 'the store is not open' });
  const written = await createResourceStore(store, stamps).updateStatus(subject, status);
  if (written.ok || written.error.kind === 'not-found') return ok(undefined);
  return err({ kind: written.error.kind, message: printResourceError(written.error) });
}

function printInvalid(object: InvalidObject): string {
  const consequence = object.isLastValidKept ? 'its last valid version stays in force' : 'it counts as absent';
  return `${printSubject(object)}: ${object.reasons.join('; ')} (${consequence})`;
}

function printSubject({ subject: { kind, name, namespace } }: InvalidObject): string {
  return namespace === undefined ? `${kind}/${name}` : `${kind}/${namespace}/${name}`;
}

/**
 * One conversation with a charon over its VICI socket.
 *
 *   request ─▶ charon ─▶ response;   charon ─▶ events, as they happen
 *
 * Invariant: one request at a time, answered or failed within its time; what charon refuses is a value with its own words. A
 * conversation that broke stays closed.
 */
import { connect } from 'node:net';
import { emptyMessage, type ViciSection } from '../../links/ipsec/vici-message.ts';
import { err, ok, type Result } from '../../result.ts';
import { encodePacket, packetReader, type ViciPacket } from './vici-packet.ts';

export interface ViciClient {
  /** What charon answers; where it says that it did not succeed, why. */
  request(command: string, message?: ViciSection): Promise<Result<ViciSection, string>>;
  isOpen(): boolean;
  close(): void;
}

export interface ViciListener {
  readonly events: readonly string[];
  onEvent(name: string, message: ViciSection): void;
  onClose(): void;
}

/** In ms; a charon under load answers in some 100. */
const patienceMs = 5_000;

export async function openVici(path: string, listener: ViciListener): Promise<Result<ViciClient, string>> {
  const socket = connect(path);
  const read = packetReader();
  /** Undefined ends the wait: the conversation is over. */
  let answer: ((packet: ViciPacket | undefined) => void) | undefined;
  let state: 'opening' | 'open' | 'closed' = 'opening';
  let last: Promise<unknown> = Promise.resolve();

  function close(): void {
    if (state === 'closed') return;
    const wasOpen = state === 'open';
    state = 'closed';
    socket.destroy();
    answer?.(undefined);
    if (wasOpen) listener.onClose();
  }

  function take(piece: Buffer): void {
    try {
      for (const packet of read(piece)) {
        if (packet.type === 'event') listener.onEvent(packet.name, packet.message);
        else answer?.(packet);
      }
    } catch {
      close();
    }
  }

  /** Throws where the packet cannot be written at all. */
  async function ask(packet: ViciPacket): Promise<ViciPacket | undefined> {
    const bytes = encodePacket(packet);
    const asked = last.then(
      () =>
        new Promise<ViciPacket | undefined>((resolve) => {
          if (state === 'closed') return resolve(undefined);
          const timer = setTimeout(close, patienceMs);
          answer = (response) => {
            answer = undefined;
            clearTimeout(timer);
            resolve(response);
          };
          socket.write(bytes);
        }),
    );
    last = asked;
    return asked;
  }

  const connected = await new Promise<Result<void, string>>((resolve) => {
    socket.once('connect', () => resolve(ok(undefined)));
    socket.on('error', ({ message }) => resolve(err(message)));
  });
  socket.on('data', take);
  socket.on('close', close);
  if (!connected.ok) {
    close();
    return connected;
  }
  for (const name of listener.events) {
    const response = await ask({ type: 'register', name });
    if (response?.type === 'confirm') continue;
    close();
    return err(response ? `charon knows no event ${name}` : 'charon does not answer');
  }
  state = 'open';

  return ok({
    async request(command, message = emptyMessage) {
      let response: ViciPacket | undefined;
      try {
        response = await ask({ type: 'request', name: command, message });
      } catch (error) {
        return err((error as RangeError).message);
      }
      if (response === undefined) return err(`charon does not answer to ${command}`);
      if (response.type !== 'response') return err(`charon knows no command ${command}`);
      const { success, errmsg } = response.message;
      return success === 'no' ? err(typeof errmsg === 'string' ? errmsg : `${command} failed`) : ok(response.message);
    },
    isOpen: () => state === 'open',
    close() {
      // Whoever closes it knows.
      state = 'closed';
      socket.destroy();
      answer?.(undefined);
    },
  });
}

/**
 * A connection to BIRD's control socket.
 *
 *   BirdCommand → [unix socket] → BirdReply
 *
 * Invariant: one command at a time, in order; a command that is not answered in time costs the connection, since its late
 * answer would be taken for the next one's. Failures are values.
 */
import { connect, type Socket } from 'node:net';
import { type BirdCommand, type BirdReply, createReplyReader, printCommand } from '../bird/control.ts';
import type { BirdError } from '../bird/daemon.ts';
import { err, ok, type Result } from '../result.ts';

export interface BirdControl {
  /** Sends a command and waits for its whole reply, whatever its code. */
  run(command: BirdCommand, timeoutMs?: number): Promise<Result<BirdReply, BirdError>>;
  readonly isOpen: boolean;
  /** Resolves when the connection has ended, whoever ended it. */
  readonly closed: Promise<void>;
  close(): void;
}

const defaultTimeoutMs = 10_000;

/** Connects and waits for BIRD's greeting. */
export async function connectBird(path: string, timeoutMs = 2_000): Promise<Result<BirdControl, BirdError>> {
  const socket = connect(path);
  socket.setEncoding('latin1'); // BIRD speaks bytes; nothing outside ASCII matters to us
  const reader = createReplyReader();
  const replies: BirdReply[] = [];
  let waiting: ((reply: BirdReply | undefined) => void) | undefined;
  let isOpen = true;

  const deliver = (reply: BirdReply | undefined): void => {
    const receive = waiting;
    waiting = undefined;
    receive?.(reply);
  };
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      isOpen = false;
      deliver(undefined);
      resolve();
    });
  });
  socket.on('error', () => undefined); // a close follows, and says all there is to say
  socket.on('data', (chunk: string) => {
    replies.push(...reader.push(chunk));
    while (waiting && replies.length > 0) deliver(replies.shift());
  });

  const greeting = await nextReply('connect', timeoutMs);
  if (!greeting.ok) return greeting;
  let last: Promise<unknown> = Promise.resolve();
  return ok({
    get isOpen() {
      return isOpen;
    },
    closed,
    close: () => end(socket),
    run(command, commandTimeoutMs = defaultTimeoutMs) {
      const answer = last.then(async (): Promise<Result<BirdReply, BirdError>> => {
        if (!isOpen) return err(notRunning(command.kind));
        replies.length = 0;
        socket.write(printCommand(command));
        return nextReply(command.kind, commandTimeoutMs);
      });
      last = answer;
      return answer;
    },
  });

  function nextReply(subject: string, ms: number): Promise<Result<BirdReply, BirdError>> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        waiting = undefined;
        end(socket);
        resolve(err({ kind: 'timeout', subject, message: `BIRD did not answer within ${ms} ms` }));
      }, ms);
      waiting = (reply) => {
        clearTimeout(timer);
        resolve(reply ? ok(reply) : err(notRunning(subject)));
      };
      if (replies.length > 0) deliver(replies.shift());
    });
  }
}

function end(socket: Socket): void {
  socket.destroy();
}

function notRunning(subject: string): BirdError {
  return { kind: 'not-running', subject, message: 'no BIRD answers on the control socket' };
}

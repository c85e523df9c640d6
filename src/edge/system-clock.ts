/**
 * The host's clock (agent/ports.ts Clock), and the time as resources carry it.
 */
import type { Clock } from '../agent/ports.ts';

export const systemClock: Clock = {
  now: Date.now,
  every(ms, ring) {
    const timer = setInterval(ring, ms);
    return { close: () => clearInterval(timer) };
  },
};

/** Now, in RFC 3339 with whole seconds, UTC. */
export function timestamp(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}

/**
 * The host's clock (agent/ports.ts Clock).
 */
import type { Clock } from '../agent/ports.ts';

export const systemClock: Clock = {
  now: Date.now,
  every(ms, ring) {
    const timer = setInterval(ring, ms);
    return { close: () => clearInterval(timer) };
  },
};

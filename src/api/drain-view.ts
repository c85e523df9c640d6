/**
 * Whether a router is drained, and what still passes it.
 *
 *   RouterStatus, TrafficCounters twice ─[drainView]→ GET /v1/drain
 */
import { longestReason } from '../agent/drain-record.ts';
import type { TrafficCounters } from '../agent/ports.ts';
import type { RouterStatus } from '../agent/status.ts';
import { err, ok, type Result } from '../result.ts';

export interface DrainView {
  readonly router: string;
  readonly isDrained: boolean;
  /** RFC 3339; null where it is not drained. */
  readonly since: string | null;
  readonly reason: string | null;
  /** Whether BIRD was given what that asks for, on or off. */
  readonly isInForce: boolean;
  readonly traffic: TrafficRates;
}

export interface TrafficRates {
  /** Forwarded, both families: what the router itself sends and receives is not among them. */
  readonly packetsPerSecond: number;
  /** All packets a second, the router's own included; the busiest first, idle interfaces left out. */
  readonly interfaces: readonly { readonly name: string; readonly received: number; readonly sent: number }[];
}

export interface DrainOrder {
  readonly on: boolean;
  readonly reason: string;
}

export function drainView({ router, drain }: RouterStatus, traffic: TrafficRates): DrainView {
  const { isOn, since, reason, isInForce } = drain;
  return { router, isDrained: isOn, since, reason, isInForce, traffic };
}

/** From two readings so many milliseconds apart. A counter that ran back, of an interface made anew, counts from zero. */
export function trafficRates(before: TrafficCounters, after: TrafficCounters, ms: number): TrafficRates {
  const perSecond = (from: number, to: number): number => {
    return Math.round(((to >= from ? to - from : to) * 10_000) / Math.max(ms, 1)) / 10;
  };
  const interfaces = [...after.interfaces]
    .map(([name, { received, sent }]) => {
      const from = before.interfaces.get(name) ?? { received, sent };
      return { name, received: perSecond(from.received, received), sent: perSecond(from.sent, sent) };
    })
    .filter(({ received, sent }) => received + sent > 0)
    .sort((a, b) => b.received + b.sent - (a.received + a.sent) || (a.name < b.name ? -1 : 1));
  return { packetsPerSecond: perSecond(before.forwarded, after.forwarded), interfaces };
}

/** Checks the body of POST /v1/drain. */
export function parseDrainOrder(body: unknown): Result<DrainOrder, string> {
  if (typeof body !== 'object' || body === null) return err('the body must be {"on": true or false, "reason": "…"}');
  const { on, reason = '', ...rest } = body as Record<string, unknown>;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) return err(`${unknown}: there is no such field; known are on and reason`);
  if (typeof on !== 'boolean') return err('on: must be true or false');
  if (typeof reason !== 'string') return err('reason: must be a text');
  if (reason.length > longestReason) return err(`reason: longer than ${longestReason} characters`);
  return ok({ on, reason: reason.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ').trim() });
}

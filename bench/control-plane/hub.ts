/**
 * A hub at the scale that the router is designed for, as resources in memory.
 *
 *   HubSize → [hub] → rules, workloads → resources
 *
 * One policy for each application; each lets ten other applications in by label.
 */
import type { SourceRule, Workload } from '../policy-resources.ts';

export interface HubSize {
  /** As many applications. */
  readonly policies: number;
  /** All under the same policies. */
  readonly hostEndpoints: number;
  readonly rulesPerPolicy: number;
  readonly addressesPerApp: number;
}

export const hubSizes = {
  quick: { policies: 100, hostEndpoints: 20, rulesPerPolicy: 10, addressesPerApp: 100 },
  whole: { policies: 1000, hostEndpoints: 200, rulesPerPolicy: 10, addressesPerApp: 100 },
} as const satisfies Record<string, HubSize>;

const portsInUse = 20;

export function hubRules({ policies, rulesPerPolicy }: HubSize): SourceRule[] {
  return Array.from({ length: policies * rulesPerPolicy }, (_, index) => {
    const policy = Math.floor(index / rulesPerPolicy);
    const app = (policy * 7 + (index % rulesPerPolicy) * 13 + 1) % policies;
    return { policy, source: { app: appName(app) }, port: 4000 + (index % portsInUse) };
  });
}

export function hubWorkloads({ policies, addressesPerApp }: HubSize): Workload[] {
  return Array.from({ length: policies * addressesPerApp }, (_, index) => ({
    address: hubAddress(index),
    app: appName(Math.floor(index / addressesPerApp)),
  }));
}

export function hubInterfaces({ hostEndpoints }: HubSize): readonly string[] {
  return Array.from({ length: hostEndpoints }, (_, i) => `spoke${i}`);
}

export function appName(app: number): string {
  return `app-${app}`;
}

/** Address of the workload of that index. */
export function hubAddress(index: number): string {
  return `10.${64 + (index >>> 16)}.${(index >>> 8) & 255}.${index & 255}`;
}

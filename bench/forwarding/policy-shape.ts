/**
 * The policy that is measured: N allow rules by source and port, of which the last one matches the packets sent.
 *
 *   PolicyShape → [policy-shape] → AllowRule[] → rulesets, resources
 */
import type { Flows } from '../bpf/programs.ts';
import { destination, sources } from './addresses.ts';

export interface PolicyShape {
  readonly rules: number;
  readonly rulesPerPolicy: number;
}

export interface AllowRule {
  readonly policy: number;
  /** Value of the label that its sources carry. */
  readonly app: string;
  /** Where the sources of this rule are. */
  readonly sourcePrefix: string;
  /** Every source address. */
  readonly hosts: readonly string[];
  readonly port: number;
}

/** Ports repeat from rule to rule, so that no port alone decides. */
const portsInUse = 20;
const firstPort = 4000;
const hostsPerRule = 10;

/** The sources that are sent from, and that the last rule allows. */
const matching = { prefix: '10.1.1.0/24', firstHost: 256, hosts: 250 } as const;
const matchingPort = firstPort + 1;
/** Discard: no rule allows it. */
const forbiddenPort = 9;

export function allowRules(shape: PolicyShape): AllowRule[] {
  return Array.from({ length: shape.rules }, (_, index) => {
    const policy = Math.floor(index / shape.rulesPerPolicy);
    const app = `app-${index}`;
    if (index === shape.rules - 1) {
      const hosts = Array.from({ length: matching.hosts }, (_, host) => `10.1.1.${host}`);
      return { app, policy, sourcePrefix: matching.prefix, hosts, port: matchingPort };
    }
    const network = `10.${64 + (index >> 8)}.${index & 255}`;
    const hosts = Array.from({ length: hostsPerRule }, (_, host) => `${network}.${host + 1}`);
    return { app, policy, sourcePrefix: `${network}.0/24`, hosts, port: firstPort + (index % portsInUse) };
  });
}

/** `count` flows that only the last rule allows. */
export function allowedFlows(count: number): Flows {
  return { ...flowsTo(matchingPort), count };
}

/** `count` flows that no rule allows: they pass only if conntrack knows them already. */
export function forbiddenFlows(count: number): Flows {
  return { ...flowsTo(forbiddenPort), count };
}

function flowsTo(destinationPort: number): Omit<Flows, 'count'> {
  return {
    sourceNetwork: sources.network,
    firstHost: matching.firstHost,
    hosts: matching.hosts,
    firstPort: 1024,
    destination: destination.octets,
    destinationPort,
  };
}

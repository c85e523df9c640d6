/**
 * Who reaches whom: real connections and datagrams, in both families, against the verdicts the lab file expects.
 *
 *   PacketCheck × family ─[probe]→ PacketRow
 *
 * Invariant: `allow` is observed only when the probe's own bytes came back, and `deny` only when nothing at all did. A
 * refused connection has reached its target, and a packet for which there was no route was denied by nobody.
 */
import { mapLimited } from '../eventually.ts';
import { connectEndpoint, type Endpoint, type ProbeAnswer } from '../probe/endpoint-client.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Lab } from '../topology/lab-file.ts';
import type { PacketCheck } from '../topology/lab-schema.ts';
import { dial } from '../topology/wiring.ts';

export interface PacketRow {
  readonly check: PacketCheck;
  readonly family: 4 | 6;
  readonly address: string;
  readonly observed: Observed;
  readonly detail: string;
  readonly passed: boolean;
}

export type Observed = 'allow' | 'deny' | 'reached' | 'unroutable';

/** Milliseconds after which a probe is taken as dropped: a TCP SYN is sent again after one second. */
const timeout = 900;
/** Probes mostly wait: many at a time cost little. */
const width = 12;

/** The connections to the endpoints, kept for as long as the lab is looked at. */
export interface Endpoints {
  of(node: string): Promise<Endpoint>;
  /** Connects anew when next asked: the node's endpoint is another process now. */
  forget(node: string): void;
  close(): void;
}

export function openEndpoints(sandbox: Sandbox): Endpoints {
  const opened = new Map<string, Promise<Endpoint>>();
  return {
    of(node) {
      const known = opened.get(node) ?? connectEndpoint(sandbox, node);
      opened.set(node, known);
      return known;
    },
    forget(node) {
      opened
        .get(node)
        ?.then((one) => one.close())
        .catch(() => {});
      opened.delete(node);
    },
    close() {
      for (const endpoint of opened.values()) {
        endpoint.then((one) => one.close()).catch(() => {});
      }
      opened.clear();
    },
  };
}

/** Sends every probe once. */
export async function probePackets(
  lab: Lab,
  endpoints: Endpoints,
  checks: readonly PacketCheck[] = lab.spec.checks.packets,
): Promise<readonly PacketRow[]> {
  const probes = checks.flatMap((check) => dial(lab, check.from, check.to).map((dialled) => ({ check, ...dialled })));
  return mapLimited(probes, width, async ({ check, family, address }) => {
    const answer = await probe(endpoints, check.from, address, check.port);
    const observed = classify(answer);
    return { check, family, address, observed, detail: answer.detail, passed: observed === check.expect };
  });
}

/** One probe from a node to an address; `port` as `tcp/5432`. */
export async function probe(endpoints: Endpoints, from: string, address: string, port: string): Promise<ProbeAnswer> {
  const endpoint = await endpoints.of(from);
  return endpoint.probe({ ...parsePort(port), address, timeout });
}

/** What the answer to a probe says of the way there. */
export function classify({ answered, detail }: ProbeAnswer): Observed {
  if (answered) return 'allow';
  if (detail === 'ENETUNREACH' || detail === 'EHOSTUNREACH') return 'unroutable';
  return detail === 'no answer to SYN' || detail === 'no answer' ? 'deny' : 'reached';
}

export function parsePort(port: string): { readonly protocol: 'tcp' | 'udp'; readonly port: number } {
  const [protocol, number] = port.split('/');
  return { protocol: protocol === 'udp' ? 'udp' : 'tcp', port: Number(number) };
}

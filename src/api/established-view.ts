/**
 * Established flows that policy would refuse, as the API tells of them.
 *
 * Invariant: every flow of the table is counted once, as allowed, denied or unknown.
 */
import type { FlowJudgement } from '../flows/established/denied-flows.ts';
import type { FlowTuple } from '../flows/established/tracked-flow.ts';
import { printAddress } from '../net/address.ts';
import { printProtocol } from '../net/ip-protocol.ts';

export interface EstablishedView {
  readonly router: string;
  /** Flows in the kernel's table that were answered: only these are established. */
  readonly flows: number;
  readonly denied: number;
  /** Flows whose way cannot be told, each reason with how many; they are left alone. */
  readonly unknown: Readonly<Record<string, number>>;
  /** How many of the denied were deleted; null where nobody asked for that. */
  readonly cut: number | null;
  /** Some of the denied. */
  readonly examples: readonly EstablishedFlow[];
}

export interface EstablishedFlow {
  /** `tcp 10.1.0.5:40000 > 10.2.0.9:443` */
  readonly flow: string;
  readonly stage: string;
  /** The rule that denies it, or what does in its place, in words. */
  readonly reason: string;
}

const mostExamples = 20;

/** Counts judgements as they come. */
export function createTally(router: string) {
  const unknown: Record<string, number> = {};
  const examples: EstablishedFlow[] = [];
  let flows = 0;
  let denied = 0;
  return {
    count(tuple: FlowTuple, judgement: FlowJudgement): void {
      flows++;
      switch (judgement.kind) {
        case 'allowed':
          return;
        case 'unknown':
          unknown[judgement.reason] = (unknown[judgement.reason] ?? 0) + 1;
          return;
        case 'denied': {
          denied++;
          const { stage, reason } = judgement.verdict;
          if (examples.length < mostExamples) examples.push({ flow: printFlow(tuple), stage, reason });
        }
      }
    },
    view: (cut: number | null): EstablishedView => ({ router, flows, denied, unknown, cut, examples }),
  };
}

export function printFlow({ source, destination, protocol, ...more }: FlowTuple): string {
  const end = (address: FlowTuple['source'], port: number | undefined): string => {
    if (port === undefined) return printAddress(address);
    return address.family === 4 ? `${printAddress(address)}:${port}` : `[${printAddress(address)}]:${port}`;
  };
  const icmp = more.icmpType === undefined ? '' : ` type ${more.icmpType} code ${more.icmpCode ?? 0}`;
  return `${printProtocol(protocol)}${icmp} ${end(source, more.sourcePort)} > ${end(destination, more.destinationPort)}`;
}

/**
 * Machines that a router may be put on, and which of them carries a prediction.
 *
 *   Prediction → [instances] → Fit
 *
 * Invariant: a machine carries what leaves 30 % of its memory free, and no more.
 */

export interface Instance {
  readonly name: string;
  readonly vCpus: number;
  readonly memoryGiB: number;
  /** What it may send, and as much receive, all the time; bursts above it end after minutes. */
  readonly baselineGbps: number;
}

/**
 * EC2 types that are good routers: network-heavy ones first, then general ones for little traffic. From the specifications in
 * the EC2 Instance Types Guide (vCPUs, memory, baseline bandwidth). Smaller before larger.
 */
export const instances: readonly Instance[] = [
  { name: 'c7gn.medium', vCpus: 1, memoryGiB: 2, baselineGbps: 3.125 },
  { name: 'c7gn.large', vCpus: 2, memoryGiB: 4, baselineGbps: 6.25 },
  { name: 'c6in.large', vCpus: 2, memoryGiB: 4, baselineGbps: 3.125 },
  { name: 'c7i.large', vCpus: 2, memoryGiB: 4, baselineGbps: 0.781 },
  { name: 'm7i.large', vCpus: 2, memoryGiB: 8, baselineGbps: 0.781 },
  { name: 'c7gn.xlarge', vCpus: 4, memoryGiB: 8, baselineGbps: 12.5 },
  { name: 'c6in.xlarge', vCpus: 4, memoryGiB: 8, baselineGbps: 6.25 },
  { name: 'c7i.xlarge', vCpus: 4, memoryGiB: 8, baselineGbps: 1.562 },
  { name: 'm7i.xlarge', vCpus: 4, memoryGiB: 16, baselineGbps: 1.562 },
  { name: 'c7gn.2xlarge', vCpus: 8, memoryGiB: 16, baselineGbps: 25 },
  { name: 'c6in.2xlarge', vCpus: 8, memoryGiB: 16, baselineGbps: 12.5 },
  { name: 'm7i.2xlarge', vCpus: 8, memoryGiB: 32, baselineGbps: 3.125 },
  { name: 'c7gn.4xlarge', vCpus: 16, memoryGiB: 32, baselineGbps: 50 },
  { name: 'c6in.4xlarge', vCpus: 16, memoryGiB: 32, baselineGbps: 25 },
];

/**
 * Free for what comes and goes: the old configuration beside the new one, a peer that announces everything again, the agent's
 * garbage, packets in queues, a login.
 */
export const freeShare = 0.3;

export interface Fit extends Instance {
  /** Of all its memory. */
  readonly usedShare: number;
  readonly carries: boolean;
}

export function fitInstances(neededBytes: number): readonly Fit[] {
  return instances.map((instance) => {
    const usedShare = neededBytes / (instance.memoryGiB * 2 ** 30);
    return { ...instance, usedShare, carries: usedShare <= 1 - freeShare };
  });
}

/** Of those that carry it, the ones with the least memory; several differ in processors and network. None: nothing here carries it. */
export function smallestOf(fits: readonly Fit[]): readonly Fit[] {
  const carrying = fits.filter(({ carries }) => carries);
  const least = Math.min(...carrying.map(({ memoryGiB }) => memoryGiB));
  return carrying.filter(({ memoryGiB }) => memoryGiB === least);
}

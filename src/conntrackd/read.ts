/**
 * What conntrackd says of its work.
 *
 *   text of `conntrackd -s network` ─[readTraffic]→ SyncTraffic
 *
 * Invariant: total; a figure that is not there reads as unknown, never as fine.
 */

/** Counts since conntrackd started; null where it did not say. */
export interface SyncTraffic {
  readonly sentPackets: number | null;
  readonly receivedPackets: number | null;
  readonly sendErrors: number | null;
  readonly receiveErrors: number | null;
  /** Messages of the other router that never came, and had to be asked for again. */
  readonly lostPackets: number | null;
}

export function readTraffic(text: string): SyncTraffic {
  const pair = (what: string): readonly [number | null, number | null] => {
    const match = new RegExp(String.raw`(\d+) ${what}\s+(\d+) ${what.split(' ')[0]} recv`).exec(text);
    return match ? [Number(match[1]), Number(match[2])] : [null, null];
  };
  const [sentPackets, receivedPackets] = pair('Pckts sent');
  const [sendErrors, receiveErrors] = pair('Error send');
  const lost = /Packets lost:\s+(\d+)/.exec(text);
  return { sentPackets, receivedPackets, sendErrors, receiveErrors, lostPackets: lost ? Number(lost[1]) : null };
}

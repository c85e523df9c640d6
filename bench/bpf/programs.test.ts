import { describe, expect, it } from 'vitest';
import { type Flows, frameLength, frameTemplate, ipv4Checksum } from './programs.ts';

const flows: Flows = {
  sourceNetwork: [10, 1],
  firstHost: 256,
  hosts: 250,
  firstPort: 1024,
  count: 1000,
  destination: [10, 2, 0, 2],
  destinationPort: 4001,
};
const macs = { sourceMac: Buffer.from('020000006101', 'hex'), destinationMac: Buffer.from('020000007701', 'hex') };

describe('ipv4Checksum', () => {
  it('sums the worked example that RFC 1071 readers know', () => {
    const header = Buffer.from('450000730000400040110000c0a80001c0a800c7', 'hex');
    expect(ipv4Checksum(header)).toBe(0xb861);
  });
});

describe('frameTemplate', () => {
  it('is the shortest Ethernet frame, with the addresses in place', () => {
    const frame = frameTemplate({ flows, ...macs });
    expect(frame).toHaveLength(frameLength);
    expect(frame.subarray(0, 14).toString('hex')).toBe('020000007701' + '020000006101' + '0800');
    expect(frame.subarray(30, 34).toString('hex')).toBe('0a020002');
  });

  // What the program writes at run time: the source's low bits, and their complement as identification.
  it.each([0, 256, 505, 0xffff])('has a header checksum that stays right for source bits %i', (low) => {
    const frame = frameTemplate({ flows, ...macs });
    frame.writeUInt16BE(low, 28);
    frame.writeUInt16BE(0xffff - low, 18);
    expect(ipv4Checksum(frame.subarray(14, 34))).toBe(0); // a header with its checksum in it sums to nothing
  });
});

import { expect, it } from 'vitest';
import { parseAddress } from '../../net/address.ts';
import { calicoSessionName, nameToSymbol, ownedSessionName } from './session-name.ts';

it.each([
  ['Mesh', '10.0.0.1', 179, 'Mesh_10_0_0_1'],
  ['Global', '10.0.0.1', 1790, 'Global_10_0_0_1_port_1790'],
  ['Node', 'fd00::1', 179, 'Node_fd00__1'],
])('names a %s session to %s port %i as Calico does', (sort, neighbor, port, expected) => {
  const address = parseAddress(neighbor);
  if (!address) throw new Error(neighbor);
  expect(calicoSessionName(sort, address, port)).toBe(expected);
});

it('keeps the longest Calico name within what BIRD allows, with our prefixes', () => {
  const address = parseAddress('fd00:1111:2222:3333:4444:5555:6666:7777');
  if (!address) throw new Error();
  expect(calicoSessionName('Local_Workload', address, 65535).length).toBeLessThanOrEqual(48);
});

it('never gives two names one symbol', () => {
  const names = ['spoke-a', 'spoke.a', 'spoke_a', 'Spoke-a', 'spoke"a', 'x'.repeat(60), 'x'.repeat(61)];
  const symbols = names.map((name) => nameToSymbol(name));
  expect(new Set(symbols).size).toBe(names.length);
  for (const symbol of symbols) expect(symbol).toMatch(/^[A-Za-z0-9_]{1,48}$/);
  expect(symbols[0]).toBe('spoke_a');
});

it('tells the sessions of one Attachment apart', () => {
  expect(ownedSessionName('attachment', 'dc', 4, 0)).toBe('attachment_dc');
  expect(ownedSessionName('attachment', 'dc', 6, 1)).toBe('attachment_dc_v6_2');
});

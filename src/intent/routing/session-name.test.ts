import { expect, it } from 'vitest';
import { address } from '../../net/literals.fixture.ts';
import { attachmentSessionName, calicoSessionName, groupSessionName, nameToSymbol } from './session-name.ts';

it.each([
  ['Mesh', '10.0.0.1', 179, 'Mesh_10_0_0_1'],
  ['Global', '10.0.0.1', 1790, 'Global_10_0_0_1_port_1790'],
  ['Node', 'fd00::1', 179, 'Node_fd00__1'],
])('names a %s session to %s port %i as Calico does', (sort, neighbor, port, expected) => {
  expect(calicoSessionName(sort, address(neighbor), port)).toBe(expected);
});

it('keeps the longest Calico name within what BIRD allows, with our prefixes', () => {
  const longest = address('fd00:1111:2222:3333:4444:5555:6666:7777');
  expect(calicoSessionName('Local_Workload', longest, 65535).length).toBeLessThanOrEqual(48);
});

it('never gives two names one symbol', () => {
  const names = ['spoke-a', 'spoke.a', 'spoke_a', 'Spoke-a', 'spoke"a', 'x'.repeat(60), 'x'.repeat(61)];
  const symbols = names.map((name) => nameToSymbol(name));
  expect(new Set(symbols).size).toBe(names.length);
  for (const symbol of symbols) expect(symbol).toMatch(/^[A-Za-z0-9_]{1,48}$/);
  expect(symbols[0]).toBe('spoke_a');
});

it.each([
  ['dc', '10.0.0.1', 'attachment_dc_10_0_0_1'],
  ['spoke-a', 'fd00::1', 'attachment_spoke_a_fd00__1'],
])('names the session of Attachment %s to %s', (attachment, neighbor, expected) => {
  expect(attachmentSessionName(attachment, address(neighbor))).toBe(expected);
});

it('names the sessions between routers of a group', () => {
  expect([groupSessionName('tr2', 4), groupSessionName('tr2', 6)]).toEqual(['group_tr2', 'group_tr2_v6']);
});

import { expect, it } from 'vitest';
import { type FlowEndpoint, flowPath } from './flow-symmetry.ts';
import type { GroupIntent } from './routing-intent.ts';

const group: GroupIntent = {
  name: 'hub',
  members: ['tr1', 'tr2'],
  pins: [
    { site: 'a', router: 'tr1', by: 'name' },
    { site: 'b', router: 'tr1', by: 'attachment' },
    { site: 'c', router: 'tr2', by: 'site' },
    { site: 'loose', router: undefined, by: 'none' },
  ],
  stateSync: undefined,
};
const site = (name: string): FlowEndpoint => ({ kind: 'site', site: name });
const stranger: FlowEndpoint = { kind: 'unknown', address: '192.0.2.1' };

it.each<[string, FlowEndpoint, FlowEndpoint, boolean, string, RegExp]>([
  ['Sites of one router', site('a'), site('b'), false, 'pinned-symmetric', /pass tr1 \(/],
  ['Sites of two routers', site('a'), site('c'), false, 'pinned-symmetric', /pass tr1 and tr2 \(/],
  ['a Site without a preferred router', site('a'), site('loose'), false, 'at-risk', /Site\/loose/],
  ['the same with shared state', site('a'), site('loose'), true, 'state-synchronised', /Site\/loose/],
  ['a Site that no router of the group has', site('a'), site('far'), false, 'at-risk', /Site\/far/],
  ['an address of nobody', stranger, site('b'), false, 'at-risk', /192\.0\.2\.1/],
  ['the router itself', { kind: 'router' }, site('loose'), false, 'single-router', /router itself/],
])('a flow between %s', (_title, source, destination, isSynchronised, kind, reason) => {
  for (const ends of [
    { source, destination },
    { source: destination, destination: source },
  ]) {
    const path = flowPath(group, ends, isSynchronised);
    expect(path.kind).toBe(kind);
    expect(path.reason).toMatch(reason);
  }
});

it('a router that stands alone sees both directions', () => {
  expect(flowPath(undefined, { source: stranger, destination: stranger }, false).kind).toBe('single-router');
});

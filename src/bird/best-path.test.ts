import { describe, expect, it } from 'vitest';
import { whyBetter } from './best-path.ts';
import type { RibEntry } from './daemon.ts';

const plain = { 'BGP.origin': 'IGP', 'BGP.as_path': '65001 65009', 'BGP.local_pref': '100' };

function route(attributes: Record<string, string> = {}, more: Partial<RibEntry> = {}): RibEntry {
  return {
    prefix: '10.1.0.0/16',
    destination: 'unicast',
    protocol: 'p',
    since: '',
    from: '192.0.2.1',
    preferred: false,
    preference: 100,
    nextHops: [],
    attributes: { ...plain, ...attributes },
    ...more,
  };
}

const internal = route({}, { protocol: 'internal' });
const isExternal = (protocol: string) => protocol !== 'internal';

describe('of two routes, the better one has', () => {
  it.each<[string, RibEntry, RibEntry]>([
    ['preference', route({}, { preference: 200 }), route({ 'BGP.local_pref': '900' })],
    ['local-pref', route({ 'BGP.local_pref': '200', 'BGP.as_path': '1 2 3 4 5' }), route()],
    ['as-path-length', route({ 'BGP.as_path': '65001', 'BGP.origin': 'Incomplete' }), route()],
    ['as-path-length', route({ 'BGP.as_path': '65001 {1 2 3}' }), route({ 'BGP.as_path': '65001 1 2' })],
    ['origin', route({ 'BGP.med': '50' }), route({ 'BGP.origin': 'EGP', 'BGP.med': '5' })],
    ['med', route({ 'BGP.med': '5' }, { protocol: 'internal' }), route({ 'BGP.med': '50' })],
    ['external', route(), internal],
    ['next-hop-or-router-id', route({}, { preferred: true }), route()],
  ])('%s', (step, better, worse) => {
    expect(whyBetter(better, worse, isExternal).step).toBe(step);
  });

  it('no MED that another neighbor AS told', () => {
    const other = route({ 'BGP.as_path': '65002 65009', 'BGP.med': '5' });
    expect(whyBetter(other, route({ 'BGP.med': '50' }), isExternal).step).toBe('next-hop-or-router-id');
  });
});

import { describe, expect, it } from 'vitest';
import { prefix } from '../../net/literals.fixture.ts';
import { printPrefix } from '../../net/prefix.ts';
import type { SiteFacts } from '../topology/topology.ts';
import {
  admitsDefaultRoute,
  isWithinBound,
  resolveExportBound,
  resolveGroupBound,
  resolveImportBound,
  resolveOwnership,
} from './resolve-bounds.ts';
import type { PrefixBound } from './routing-intent.ts';

function ownership(sites: Readonly<Record<string, readonly string[]>>) {
  return resolveOwnership(
    Object.entries(sites).map(([name, prefixes]) => ({ name, prefixes: prefixes.map(prefix) }) as unknown as SiteFacts),
  );
}

function texts(bound: PrefixBound): { within: string[]; except: string[] } {
  return { within: bound.within.map(printPrefix), except: bound.except.map(printPrefix) };
}

const hub = ownership({
  dc: ['10.0.0.0/8', '0.0.0.0/0'],
  'spoke-a': ['10.1.0.0/16', 'fd00:1::/48'],
  'spoke-b': ['10.2.0.0/16', '10.1.128.0/24'],
});
const dcOnly = (a: string, b: string): boolean => a !== b && (a === 'dc' || b === 'dc');

describe('what may be learned from a Site', () => {
  it('is what it declares, without what others declare inside it', () => {
    expect(texts(resolveImportBound(hub, 'spoke-a', 4))).toEqual({
      within: ['10.1.0.0/16'],
      except: ['10.1.128.0/24'],
    });
  });

  it('is nothing in a family in which it declares nothing', () => {
    expect(texts(resolveImportBound(hub, 'spoke-b', 6))).toEqual({ within: [], except: [] });
  });

  it.each([
    ['dc', true],
    ['spoke-a', false],
  ])('includes a default route only where the Site declares one: %s', (site, expected) => {
    expect(admitsDefaultRoute(resolveImportBound(hub, site, 4))).toBe(expected);
  });

  it.each([
    ['10.1.0.0/16', 'spoke-a', true],
    ['10.1.5.0/24', 'spoke-a', true],
    ['10.1.128.0/24', 'spoke-a', false],
    ['10.1.128.7/32', 'spoke-a', false],
    ['10.1.128.7/32', 'spoke-b', true],
    ['10.0.0.0/15', 'spoke-a', false],
    ['10.2.0.0/16', 'spoke-a', false],
    ['10.2.0.0/16', 'dc', false],
    ['10.3.0.0/16', 'dc', true],
    ['0.0.0.0/0', 'dc', true],
    ['0.0.0.0/0', 'spoke-a', false],
    ['fd00:1::/64', 'spoke-a', false],
  ])('%s from %s: %s', (route, site, expected) => {
    expect(isWithinBound(resolveImportBound(hub, site, 4), prefix(route))).toBe(expected);
  });
});

describe('what may be passed on to a Site', () => {
  it('is what belongs to Sites it exchanges routes with, never its own', () => {
    expect(texts(resolveExportBound(hub, 'spoke-a', dcOnly, 4))).toEqual({
      within: ['0.0.0.0/0', '10.0.0.0/8'],
      except: ['10.1.0.0/16', '10.1.128.0/24', '10.2.0.0/16'],
    });
  });

  it('is a shared prefix only if all its owners agree', () => {
    const shared = ownership({ dc: ['10.9.0.0/16'], x: ['10.9.0.0/16'], y: ['10.8.0.0/16'] });
    const withDc = (a: string, b: string): boolean => [a, b].sort().join() === 'dc,y';
    expect(texts(resolveExportBound(shared, 'y', withDc, 4))).toEqual({ within: [], except: [] });
    expect(texts(resolveExportBound(shared, 'y', () => true, 4)).within).toEqual(['10.8.0.0/16', '10.9.0.0/16']);
  });

  it('leaves out exceptions that lie in nothing allowed, so that a stranger changes no text', () => {
    const before = ownership({ dc: ['10.0.0.0/8'], y: ['172.16.0.0/16'] });
    const after = ownership({ dc: ['10.0.0.0/8'], y: ['172.16.0.0/16'], z: ['192.168.0.0/16'] });
    const bound = (owned: typeof before): PrefixBound =>
      resolveExportBound(owned, 'y', (a, b) => a === 'dc' && b === 'y', 4);
    expect(bound(after)).toEqual(bound(before));
  });
});

it('tells routers of one group everything that belongs to a Site', () => {
  expect(texts(resolveGroupBound(hub, 6))).toEqual({ within: ['fd00:1::/48'], except: [] });
});

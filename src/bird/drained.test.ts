/** A router that is taken out of service is the last choice of everybody, itself included, whatever preferences were written. */
import { describe, expect, it } from 'vitest';
import type { AttachmentSpec } from '../resources/attachment.ts';
import { resource } from '../resources/resource.fixture.ts';
import type { AnyResource } from '../resources/resource.ts';
import { compileFunctions } from './compile.ts';
import { compileExport } from './compile-export.ts';
import { compileImport } from './compile-import.ts';
import { evaluateFilter, type RouteFacts } from './evaluate.ts';
import { resolveHub } from './hub.fixture.ts';
import { facts } from './route-facts.fixture.ts';

/** The same Site at both routers, tr1 the preferred one. */
function twice(name: 'tr1' | 'tr2', more: Partial<AttachmentSpec>): AnyResource {
  const net = name === 'tr1' ? 0 : 7;
  return resource('Attachment', name === 'tr1' ? 'dc' : 'dc-two', {
    router: name,
    site: 'dc',
    link: { interface: { name: 'eth0' } },
    addresses: { local: [`192.168.${net}.1/30`], remote: [`192.168.${net}.2`] },
    ...more,
  });
}

/** What a router of the hub makes of a route, in one direction of one session; drained or not. */
function pass(
  router: 'tr1' | 'tr2',
  direction: 'import' | 'export',
  name: string,
  route: RouteFacts,
  { isDrained, more }: { readonly isDrained: boolean; readonly more: readonly AnyResource[] },
): RouteFacts {
  const resolved = resolveHub(router, more);
  const routing = { ...resolved.routing, isDrained };
  const session = resolved.session(name);
  const functions = new Map(compileFunctions(routing).map((one) => [one.name, one]));
  const channel = session.channels.find(({ family }) => family === route.prefix.family);
  if (!channel) throw new Error(`session ${name} carries no such family`);
  const compiled = direction === 'import' ? compileImport : compileExport;
  const outcome = evaluateFilter(compiled(session, channel, routing), functions, route);
  if (outcome.kind !== 'accepted') throw new Error(`${name} accepts nothing: ${JSON.stringify(outcome.kind)}`);
  return outcome.route;
}

describe('a drained router', () => {
  it.each<[string, Partial<AttachmentSpec>]>([
    ['by MED', { bgp: { asNumber: 65010 } }],
    ['by the length of the path', { bgp: { asNumber: 65010, preferenceBy: 'prepend' } }],
    ['by a path that the other router prepends as often as it may', { bgp: { asNumber: 65010, prepend: 10 } }],
    ['by communities', { profile: 'aws-dx-private-vif', bgp: { asNumber: 65010 } }],
    [
      'by communities that the user wrote',
      { profile: 'aws-dx-private-vif', bgp: { asNumber: 65010, communities: ['7224:7300'] } },
    ],
  ])('is not what a peer chooses that goes %s', (_, spec) => {
    const { prepend: _longer, ...plain } = spec.bgp ?? { asNumber: 65010 };
    const more = [twice('tr1', { ...spec, bgp: plain }), twice('tr2', spec)];
    const route = facts('10.1.1.0/24', { asPath: [64601] });
    const drained = pass('tr1', 'export', 'attachment_dc_192_168_0_2', route, { isDrained: true, more });
    const other = pass('tr2', 'export', 'attachment_dc_two_192_168_7_2', route, { isDrained: false, more });
    expect(awsLevel(drained)).toBeLessThanOrEqual(awsLevel(other));
    expect(drained.asPath.length).toBeGreaterThan(other.asPath.length);
    expect(drained.med).toBe(0xffffffff);
  });

  it('prefers what the other router of the group learned over its own links, so that flows keep to one way', () => {
    const more = [twice('tr1', { bgp: { asNumber: 65010 } }), twice('tr2', { bgp: { asNumber: 65010 } })];
    const route = facts('10.50.0.0/16', { asPath: [65010], localPref: 100 });
    const own = pass('tr1', 'import', 'attachment_dc_192_168_0_2', route, { isDrained: true, more });
    const learned = pass('tr2', 'import', 'attachment_dc_two_192_168_7_2', route, { isDrained: false, more });
    const passedOn = pass('tr2', 'export', 'group_tr1', learned, { isDrained: false, more });
    const byGroup = pass('tr1', 'import', 'group_tr2', passedOn, { isDrained: true, more });
    expect(own.localPref).toBe(0);
    expect(byGroup.localPref).toBeGreaterThan(0);
  });
});

/** Direct Connect's, where 0 is the lowest and none counts as the one in the middle. */
function awsLevel({ communities }: RouteFacts): number {
  const level = communities.find(([as]) => as === 7224)?.[1];
  return level === undefined ? 1 : (level - 7100) / 100;
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BirdReply, createReplyReader } from './control.ts';
import { readRoutes, readSessions } from './read.ts';

function reply(lines: readonly string[]): BirdReply {
  const [first] = createReplyReader().push(`${[...lines, '0000 '].join('\n')}\n`);
  if (!first) throw new Error('no reply');
  return first;
}

const protocols = [
  '2002-Name       Proto      Table      State  Since         Info',
  '1002-cw_device  Device     ---        up     2026-11-25 01:43:19.111  ',
  '1006-',
  '1002-cw_attachment_dc BGP        ---        up     2026-11-25 01:43:20  Established   ',
  '1006-  Description:    Attachment/dc to Site/dc',
  '   BGP state:          Established',
  '     Neighbor address: 192.168.0.2',
  '     Neighbor AS:      65010',
  '     Local AS:         64520',
  '     Local capabilities',
  '       Graceful restart',
  '     Neighbor capabilities',
  '       Route refresh',
  '       4-octet AS numbers',
  '     Session:          external AS4',
  '     Hold timer:       170.294/240',
  '   Channel ipv4',
  '     State:          UP',
  '     Table:          master4',
  '     Routes:         1 imported, 3 filtered, 2 exported, 1 preferred',
  '     Import limit:   100 [HIT]',
  '       Action:       block',
  ' ',
  '1002-cw_attachment_b BGP        ---        start  2026-11-25 01:43:19  Active        Socket: Connection refused',
  '1006-  BGP state:          Active',
  '     Neighbor address: fe80::1%eth0',
  '     Neighbor AS:      4200000000',
  '   Channel ipv6',
  '     State:          DOWN',
  '   Last error:         Socket: Connection refused',
  '1002-other BGP        ---        up     2026-11-25 01:43:20  Established   ',
  '1006-  BGP state:          Established',
];

describe('sessions', () => {
  it('are ours alone, by name, with what each channel carries', () => {
    expect(readSessions(reply(protocols))).toEqual([
      {
        name: 'attachment_b',
        neighbor: 'fe80::1%eth0',
        remoteAs: 4200000000,
        localAs: null,
        state: 'Active',
        since: '2026-11-25 01:43:19',
        lastError: 'Socket: Connection refused',
        channels: [expect.objectContaining({ family: 6, state: 'DOWN', imported: 0, importLimit: null })],
      },
      {
        name: 'attachment_dc',
        neighbor: '192.168.0.2',
        remoteAs: 65010,
        localAs: 64520,
        state: 'Established',
        since: '2026-11-25 01:43:20',
        lastError: null,
        capabilities: ['Route refresh', '4-octet AS numbers'],
        holdSeconds: 240,
        channels: [
          {
            family: 4,
            state: 'UP',
            imported: 1,
            filtered: 3,
            exported: 2,
            preferred: 1,
            receiveLimit: null,
            importLimit: 100,
            exportLimit: null,
            limitsHit: ['import'],
          },
        ],
      },
    ]);
  });
});

const routes = [
  '1007-Table master4:',
  ' 192.168.0.0/30       unicast [cw_direct 2026-11-25 01:43:19] * (240)',
  ' \tdev v1',
  '1008-\tType: device univ',
  '1007-10.0.5.0/24          unicast [cw_attachment_dc 2026-11-25 01:43:21.5 from 192.168.0.9] * (100) [AS65010i]',
  ' \tvia 192.168.0.2 on v1 weight 1',
  ' \tvia 192.168.0.3 on v2 weight 1',
  '1008-\tType: BGP univ',
  '1012-\tBGP.origin: IGP',
  ' \tBGP.as_path: 65010',
  ' \tBGP.community: (1,2)',
  '1007-                     unicast [cw_group_tr2 2026-11-25 01:43:22] (100/0) [AS65010i]',
  ' \tvia 10.255.0.2 on eth9',
  '1008-\tType: BGP univ',
  '1007-                     unreachable [cw_x 2026-11-25 01:43:22] ! (100/-) [AS65010i]',
  '1008-\tType: BGP univ',
  '1007-',
  ' Table master6:',
  ' fd00::/64            blackhole [cw_static6 2026-11-25 01:43:19] * (200)',
  '1008-\tType: static univ',
];

describe('routes', () => {
  it('are read with next hops and attributes; a further route of a prefix repeats it', () => {
    const read = readRoutes(reply(routes));
    expect(read.map(({ prefix, protocol, destination }) => `${prefix} ${protocol} ${destination}`)).toEqual([
      '192.168.0.0/30 direct unicast',
      '10.0.5.0/24 attachment_dc unicast',
      '10.0.5.0/24 group_tr2 unicast',
      '10.0.5.0/24 x unreachable',
      'fd00::/64 static6 blackhole',
    ]);
    expect(read[1]).toEqual({
      prefix: '10.0.5.0/24',
      destination: 'unicast',
      protocol: 'attachment_dc',
      since: '2026-11-25 01:43:21.5',
      from: '192.168.0.9',
      preferred: true,
      preference: 100,
      nextHops: [
        { gateway: '192.168.0.2', device: 'v1' },
        { gateway: '192.168.0.3', device: 'v2' },
      ],
      attributes: { Type: 'BGP univ', 'BGP.origin': 'IGP', 'BGP.as_path': '65010', 'BGP.community': '(1,2)' },
    });
    expect(read[0]?.nextHops).toEqual([{ gateway: null, device: 'v1' }]);
    expect(read.map(({ preferred }) => preferred)).toEqual([true, true, false, false, true]);
  });
});

it('never throws, whatever BIRD says', () => {
  const line = fc.oneof(
    fc.constantFrom(...protocols, ...routes),
    fc.string(),
    fc.tuple(fc.constantFrom('1002-', '1006-', '1007-', '1008-', '1012-', ' '), fc.string()).map(([a, b]) => a + b),
  );
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      for (const each of createReplyReader().push(`${lines.join('\n')}\n0000 \n`)) {
        readSessions(each);
        readRoutes(each);
      }
    }),
    { seed: 7, numRuns: 500 },
  );
});

import { describe, expect, it } from 'vitest';
import { parseAddress } from '../net/address.ts';
import { parsePacketQuery, parsePacketQueryLine } from './packet-query.ts';

const source = parseAddress('192.0.2.1');
const destination = parseAddress('10.1.1.1');
const tcp = { src: '192.0.2.1', dst: '10.1.1.1', protocol: 'tcp', sport: '40000', dport: 443 };

describe('a packet query', () => {
  it('is read from flags and from JSON alike', () => {
    const expected = {
      ok: true,
      value: {
        in: 'eth0',
        out: 'eth1',
        packet: { source, destination, protocol: 6, sourcePort: 40000, destinationPort: 443, ctState: 'established' },
      },
    };
    expect(parsePacketQuery({ ...tcp, in: 'eth0', out: 'eth1', ct: 'established' })).toEqual(expected);
    expect(
      parsePacketQueryLine(
        '{"in":"eth0","out":"eth1","local":null,"src":"192.0.2.1","dst":"10.1.1.1","protocol":6,"sport":40000,"dport":"443","ct":"established"}',
      ),
    ).toEqual(expected);
  });

  it.each([
    [
      'a dynamic source port',
      { ...tcp, sport: undefined },
      { sourcePort: 49152, destinationPort: 443, ctState: 'new' },
    ],
    ['an echo request', { ...tcp, protocol: 'icmp' }, { protocol: 1, icmpType: 8, icmpCode: 0 }],
    [
      'an ICMPv6 echo request',
      { src: '2001:db8::1', dst: '2001:db8::2', protocol: 'ICMPv6', icmpCode: '' },
      { protocol: 58, icmpType: 128, icmpCode: 0 },
    ],
    ['no ports for a protocol without any', { ...tcp, protocol: 47 }, { protocol: 47, ctState: 'new' }],
    ['a number at its word', { ...tcp, protocol: '58' }, { protocol: 58, ctState: 'new' }],
  ])('takes %s for granted', (_, input, expected) => {
    const query = parsePacketQuery(input);
    expect(query).toMatchObject({ ok: true, value: { packet: expected } });
  });

  it.each([
    ['nothing given', {}, ['src is missing', 'dst is missing', 'protocol is missing']],
    [
      'everything wrong at once',
      { src: '192.0.2.01', dst: '10.1.1.1/32', protocol: 'http', ct: 'old', color: 'red' },
      [
        'color is no key of a packet; the keys are in, src, dst, protocol, sport, dport, icmpType, icmpCode, out, local, ct, natDst, natDport',
        'src "192.0.2.01" is no IP address',
        'dst "10.1.1.1/32" is no IP address',
        'protocol "http" is not tcp, udp, sctp, icmp, icmpv6, udplite or a number 1 to 255',
        'ct "old" is not new or established or related or invalid or untracked',
      ],
    ],
    ['two families', { ...tcp, dst: '2001:db8::1' }, ['dst is not of the same IP version as src']],
    ['no destination port', { ...tcp, dport: null }, ['dport is missing: tcp has ports']],
    ['a port too high', { ...tcp, dport: 65536 }, ['dport "65536" is not a number 0 to 65535']],
    ['a fraction', { ...tcp, dport: 4.5 }, ['dport "4.5" is not a number 0 to 65535']],
    ['a list', { ...tcp, in: ['eth0'] }, ['in is neither text nor number']],
    ['an ICMP type of tcp', { ...tcp, icmpType: 8 }, ['icmpType is given, but tcp has none here']],
    ['icmp over IPv6', { src: '::1', dst: '::2', protocol: 'icmp' }, ['protocol icmp is of IPv4; for IPv6 say icmpv6']],
    ['local in from nowhere', { ...tcp, local: 'in' }, ['in is missing: local in needs it']],
    [
      'local in that leaves',
      { ...tcp, in: 'a', out: 'b', local: 'in' },
      ['out is given, but a packet for the router leaves by none'],
    ],
    [
      'no interface name',
      { ...tcp, in: 'an interface' },
      ['in is no interface name: 1 to 15 characters, no space or slash'],
    ],
  ])('with %s is refused', (_, input, expected) => {
    const query = parsePacketQuery(input);
    expect(query.ok ? [] : query.error.map(({ key, reason }) => `${key} ${reason}`)).toEqual(expected);
  });

  it.each([
    ['not json', 'is not JSON'],
    ['[1]', 'is not a JSON object'],
    ['null', 'is not a JSON object'],
  ])('on the line %s is refused', (line, reason) => {
    expect(parsePacketQueryLine(line)).toEqual({ ok: false, error: [{ key: '', reason }] });
  });
});

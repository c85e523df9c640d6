import { describe, expect, it } from 'vitest';
import { type Address, parseAddress } from '../net/address.ts';
import { compileConntrackd, printConntrackd } from './config.ts';

const files = {
  config: '/run/cw/r1/c.conf',
  lock: '/run/cw/r1/c.lock',
  socket: '/run/cw/r1/c.ctl',
  log: '/run/cw/r1/c.log',
};

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`not an address: ${text}`);
  return parsed;
}

function sync(local: string, ...peers: string[]) {
  return {
    interfaceName: 'sync0',
    local: address(local),
    peers: peers.map((text, i) => ({ router: `r${i + 2}`, address: address(text) })),
    port: 3780,
  };
}

describe('the configuration', () => {
  it.each([
    ['IPv4', '192.0.2.1', '192.0.2.2'],
    ['IPv6', 'fd00::1', 'fd00::2'],
  ])('speaks %s, and shares no flow of the link itself', (word, local, peer) => {
    const config = compileConntrackd(sync(local, peer), files);
    const text = config && printConntrackd(config);
    expect(text).toContain(`${word}_address ${local}\n    ${word}_Destination_Address ${peer}\n`);
    expect(text).toContain(`      ${word}_address ${local}\n      ${word}_address ${peer}\n    }`);
  });

  it('is none without another router, or with one of the other family', () => {
    expect(compileConntrackd(sync('192.0.2.1'), files)).toBeUndefined();
    expect(compileConntrackd(sync('192.0.2.1', 'fd00::2'), files)).toBeUndefined();
  });

  it('speaks to the first of several', () => {
    expect(compileConntrackd(sync('192.0.2.1', '192.0.2.2', '192.0.2.3'), files)?.peer).toEqual(address('192.0.2.2'));
  });

  it.each([
    ['an interface', { ...sync('192.0.2.1', '192.0.2.2'), interfaceName: 'a }\nb' }, files],
    ['a path', sync('192.0.2.1', '192.0.2.2'), { ...files, log: '/run/a b' }],
  ])('never holds %s that conntrackd would read as something else', (_, intent, paths) => {
    const config = compileConntrackd(intent, paths);
    expect(() => config && printConntrackd(config)).toThrow(/conntrackd can/);
  });
});

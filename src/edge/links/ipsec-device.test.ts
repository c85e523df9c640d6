/** Which XFRM interface is taken for a tunnel's own, made, or left alone: a kernel that has some is not at hand everywhere. */
import { describe, expect, it } from 'vitest';
import type { IpsecTunnelIntent } from '../../intent/links/links-intent.ts';
import { err, ok } from '../../result.ts';
import { bringXfrm } from './ipsec-device.ts';
import type { NetDevice } from './netdevices.ts';

const tunnel = { attachment: 'vpn', interfaceName: 'vpn-1', ifId: 77 } as IpsecTunnelIntent;

const device = (facts: Partial<NetDevice>): NetDevice => ({
  name: 'vpn-1',
  index: 5,
  kind: 'xfrm',
  alias: 'causeway tr1 vpn',
  mtu: 1438,
  mac: undefined,
  isUp: false,
  hasCarrier: false,
  below: 'lo',
  vlanId: undefined,
  ifId: 77,
  addresses: [],
  ...facts,
});

/** What becomes of it where this device is there, and what `ip` was told. */
async function bring(found: NetDevice | undefined) {
  const told: string[] = [];
  const devices = {
    change: (commands: readonly string[]) => {
      told.push(...commands);
      return Promise.resolve(ok(undefined));
    },
  };
  const there = new Map(found ? [[found.name, found]] : []);
  return { result: await bringXfrm({ router: 'tr1', devices, there }, tunnel), told };
}

describe('the XFRM interface of a tunnel', () => {
  it('is made with the id that its associations have', async () => {
    const { result, told } = await bring(undefined);
    expect(result).toEqual(ok(undefined));
    expect(told).toEqual(['link add name vpn-1 type xfrm dev lo if_id 77']);
  });

  it.each<[string, Partial<NetDevice>]>([
    ['is marked as of its Attachment', {}],
    ['was that of another Attachment of the router', { alias: 'causeway tr1 vpn-before' }],
    ['was made and not marked before its maker ended', { alias: undefined }],
  ])('is kept where it %s', async (_, facts) => {
    expect(await bring(device(facts))).toEqual({ result: ok(undefined), told: [] });
  });

  it.each<[string, Partial<NetDevice>]>([
    ['is of no router', { alias: undefined, ifId: 78 }],
    ['is of another router', { alias: 'causeway tr2 vpn' }],
    ['has a name of somebody else', { alias: 'mine' }],
    ['is no XFRM interface', { kind: 'bridge', ifId: undefined }],
  ])('is another one where it %s', async (_, facts) => {
    expect(await bring(device(facts))).toEqual({ result: err('vpn-1 is another device'), told: [] });
  });
});

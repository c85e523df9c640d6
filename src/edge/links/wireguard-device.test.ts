/** The kernel's own WireGuard, which the kernel of the tests with real packets may lack: what is asked of it, by what it is seen to hold. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { wireguardLink } from '../../intent/links/wireguard-link.fixture.ts';
import { markBits } from '../../nftables/marks.ts';
import { err, ok } from '../../result.ts';
import type { NetDevice } from './netdevices.ts';
import { bringAbout, takeAway, type WireguardFound, type WireguardPlace } from './wireguard-device.ts';
import type { WireguardTool } from './wireguard-tool.ts';

const dir = mkdtempSync(join(tmpdir(), 'cw-wireguard-device-'));
afterAll(() => rmSync(dir, { recursive: true }));

const link = wireguardLink();
const peersKey = link.peer.publicKey;
const nothing: WireguardFound = { device: undefined, wireguard: undefined, isLost: true };
const device: NetDevice = {
  name: 'wg0',
  index: 7,
  kind: 'wireguard',
  alias: 'causeway r1 site',
  mtu: 1420,
  mac: undefined,
  isUp: true,
  hasCarrier: true,
  below: undefined,
  vlanId: undefined,
  addresses: [],
};

/** What was asked of the kernel and of `wg`, in order; keys left out. */
let asked: string[];
beforeEach(() => {
  asked = [];
});

function placeWhere(kernelAnswers: string | undefined): WireguardPlace {
  const devices: WireguardPlace['devices'] = {
    configure: async (name, { alias, isUp }) => {
      asked.push(`${name} is "${alias}" and ${isUp ? 'up' : 'down'}`);
      return ok(undefined);
    },
    remove: async (name) => {
      asked.push(`remove ${name}`);
      return ok(undefined);
    },
    change: async (commands) => {
      asked.push(...commands);
      return kernelAnswers === undefined ? ok(undefined) : err({ message: kernelAnswers });
    },
  };
  const tool: WireguardTool = {
    read: async () => ok([]),
    hangs: async () => false,
    configure: async (name, text) => {
      asked.push(`wg ${name}${text.includes('Endpoint = 192.0.2.1:51821') ? ' with its endpoint' : ''}`);
      return ok(undefined);
    },
  };
  const folder = { dir: join(dir, 'run'), launcher: ['false'] };
  return { folder, keyDir: join(dir, 'keys'), router: 'r1', devices, tool };
}

async function heldBy(place: WireguardPlace, endpoint: string): Promise<WireguardFound> {
  const made = await bringAbout(place, link, new Map(), nothing);
  asked = [];
  const peer = { publicKey: peersKey, endpoint, allowedIps: ['0.0.0.0/0', '::/0'], received: 0, sent: 0 };
  const publicKey = made.ok ? made.value.publicKey : undefined;
  const told = { interfaceName: 'wg0', listenPort: 51820, fwmark: markBits.outer, publicKey };
  return { device, wireguard: { ...told, peers: [{ ...peer, latestHandshake: 0, keepalive: 25 }] }, isLost: false };
}

describe('where the kernel has WireGuard', () => {
  it('a device is made, marked and switched on, and then has its peer', async () => {
    const made = await bringAbout(placeWhere(undefined), link, new Map(), nothing);
    expect(made).toMatchObject({ ok: true, value: { driver: 'kernel-wireguard' } });
    expect(asked).toEqual([
      'link add dev wg0 type wireguard',
      'wg0 is "causeway r1 site" and up',
      'wg wg0 with its endpoint',
    ]);
  });

  it('one that is as wanted is not written to, wherever its peer is', async () => {
    const place = placeWhere(undefined);
    expect((await bringAbout(place, link, new Map(), await heldBy(place, '198.51.100.1:4000'))).ok).toBe(true);
    expect(asked).toEqual([]);
  });

  it('a peer that is silent where it was heard last is looked for where it is written to be', async () => {
    const place = placeWhere(undefined);
    const found = { ...(await heldBy(place, '198.51.100.1:4000')), isLost: true };
    await bringAbout(place, link, new Map(), found);
    expect(asked).toEqual(['wg wg0 with its endpoint']);
  });

  it('a change beside the endpoint leaves the peer where it is', async () => {
    const place = placeWhere(undefined);
    const found = await heldBy(place, '198.51.100.1:4000');
    await bringAbout(place, { ...link, listenPort: 51999 }, new Map(), found);
    expect(asked).toEqual(['wg wg0']);
  });

  it.each<[string, Partial<NetDevice>]>([
    ['of another sort', { kind: 'veth' }],
    ["of another router's", { alias: 'causeway r2 site' }],
    ['of somebody who marks nothing and gave it a key', { alias: undefined }],
  ])('a device %s is left alone', async (_what, change) => {
    const place = placeWhere(undefined);
    const found = await heldBy(place, '192.0.2.1:51821');
    const tried = await bringAbout(place, link, new Map(), { ...found, device: { ...device, ...change } });
    expect(tried).toMatchObject({ ok: false, error: { kind: 'device' } });
    await takeAway(place, 'wg0', { ...device, ...change });
    expect(asked).toEqual([]);
  });

  it('a device that was made and never marked is finished', async () => {
    const found = { ...nothing, device: { ...device, alias: undefined } };
    const made = await bringAbout(placeWhere(undefined), link, new Map(), found);
    expect(made).toMatchObject({ ok: true, value: { driver: 'kernel-wireguard' } });
    expect(asked).toEqual(['wg0 is "causeway r1 site" and up', 'wg wg0 with its endpoint']);
  });

  it('ours goes when it is taken away', async () => {
    await takeAway(placeWhere(undefined), 'wg0', device);
    expect(asked).toEqual(['remove wg0']);
  });

  it('what it refuses is said, and nothing stands in for it', async () => {
    const tried = await bringAbout(placeWhere('Operation not permitted'), link, new Map(), nothing);
    expect(tried).toMatchObject({ ok: false, error: { kind: 'device', reason: 'Operation not permitted' } });
    expect(asked).toEqual(['link add dev wg0 type wireguard']);
  });
});

describe('where it has none', () => {
  // In the place of all that starts wireguard-go.
  const startedBy = (script: string): WireguardPlace => {
    const place = placeWhere('Unknown device type.');
    return { ...place, folder: { ...place.folder, launcher: ['sh', '-c', script] } };
  };

  it('and wireguard-go does not start, that is said with its last words', async () => {
    const tried = await bringAbout(startedBy('echo "no such thing" >&2; exit 1'), link, new Map(), nothing);
    const reason = expect.stringMatching(/^wireguard-go ended at once \(1\); see \S+wg0\.log: no such thing$/);
    expect(tried).toMatchObject({ ok: false, error: { reason } });
  });

  it('and wireguard-go ends after it answered, it is that which is said, and what helps', async () => {
    const place = startedBy(`touch ${join(dir, 'run', 'wg0.sock')}; echo "uapi: too many open files" >&2`);
    const devices = { ...place.devices, configure: async () => err({ message: 'Device "wg0" does not exist.' }) };
    const tried = await bringAbout({ ...place, devices }, link, new Map(), nothing);
    const reason = expect.stringMatching(
      /^wireguard-go ended .* open files: sysctl -w fs\.inotify\.max_user_instances/,
    );
    expect(tried).toMatchObject({ ok: false, error: { reason } });
  });
});

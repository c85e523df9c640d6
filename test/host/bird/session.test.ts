/**
 * One of our routers against a BIRD of the data center, over a cable: sessions, bounds, reconfiguration, passwords, repair.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BirdDaemon, SessionStatus } from '../../../src/bird/daemon.ts';
import { birdText, resolveFor } from '../../../src/bird/hub.fixture.ts';
import { createBirdDaemon } from '../../../src/edge/bird-process.ts';
import { resource } from '../../../src/resources/resource.fixture.ts';
import type { AnyResource } from '../../../src/resources/resource.ts';
import { type Cable, eventually, layCable, requirePrograms } from './namespaces.ts';
import { began } from './session-time.ts';

const site = resource('Site', 'dc', { type: 'datacenter', prefixes: ['10.0.0.0/8', 'fd10::/32'], segment: 'dc' });
const spoke = resource('Site', 'spoke', { type: 'vpc', prefixes: ['10.1.0.0/16', '172.20.0.0/16'], segment: 'spokes' });
const segments = [
  resource('Segment', 'dc', { exchangeWith: ['spokes'] }),
  resource('Segment', 'spokes', { exchangeWith: ['dc'] }),
];
const router = resource('Router', 'tr1', { asNumber: 64520, routerID: '10.255.0.1' });
const spokeLink = resource('Attachment', 'spoke', {
  router: 'tr1',
  site: 'spoke',
  link: { interface: { name: 'wire' } },
  addresses: { local: ['192.168.0.1/30'], remote: ['192.168.0.2'] },
  static: { prefixes: ['172.20.0.0/16'] },
});

function attachment(bgp: Partial<{ password: string; importFilters: string[]; bfd: object }> = {}): AnyResource {
  return resource('Attachment', 'dc', {
    router: 'tr1',
    site: 'dc',
    link: { interface: { name: 'wire' } },
    addresses: { local: ['192.168.0.1/30', 'fd00::1/64'], remote: ['192.168.0.2', 'fd00::2'] },
    bgp: {
      asNumber: 65010,
      ...(bgp.password ? { password: { secretRef: { name: 'bgp', key: bgp.password } } } : {}),
      // Without BFD sessions restart gracefully.
      bfd: bgp.bfd ?? 'off',
      ...(bgp.importFilters ? { importFilters: bgp.importFilters } : {}),
    },
  });
}

function filter(cidr: string): AnyResource {
  return resource('BGPFilter', 'f', { importV4: [{ action: 'Reject', cidr, matchOperator: 'In' }] });
}

function textFor(resources: readonly AnyResource[], secrets: Readonly<Record<string, string>> = {}): string {
  const { routing } = resolveFor('tr1', [router, site, spoke, ...segments, spokeLink, ...resources]);
  return birdText(routing, { secrets: new Map(Object.entries(secrets)) });
}

/** The data center: announces what is its own, the spoke's, a stranger's and a default route. */
function dataCenter(password = '', bfd = ''): string {
  const secret = password === '' ? '' : `password "${password}";`;
  return `
    log stderr all;
    router id 192.168.0.2;
    protocol device {}
    protocol bfd {}
    protocol static s4 { ipv4;
      route 10.7.0.0/16 blackhole; route 10.8.0.0/16 blackhole; route 10.1.5.0/24 blackhole;
      route 11.0.0.0/8 blackhole; route 0.0.0.0/0 blackhole; }
    protocol static s6 { ipv6; route fd10:0:7::/48 blackhole; route fd99::/48 blackhole; }
    protocol bgp r4 { local 192.168.0.2 as 65010; neighbor 192.168.0.1 as 64520; connect delay time 1;
      error wait time 1, 2; ${secret} ${bfd}
      ipv4 { import all; export where source = RTS_STATIC; }; }
    protocol bgp r6 { local fd00::2 as 65010; neighbor fd00::1 as 64520; connect delay time 1; ${secret}
      ipv6 { import all; export where source = RTS_STATIC; }; }`;
}

describe('a router and its data center', () => {
  let cable: Cable;
  let bird: BirdDaemon;

  const peer = (...command: readonly string[]): string =>
    cable.run('b', 'birdc', '-s', join(cable.dir, 'dc.ctl'), ...command);
  const startPeer = (): void => {
    cable.run(
      'b',
      'bird',
      '-c',
      join(cable.dir, 'dc.conf'),
      '-s',
      join(cable.dir, 'dc.ctl'),
      '-P',
      join(cable.dir, 'dc.pid'),
    );
  };
  const kernelPrefixes = (): string[] =>
    [4, 6]
      .flatMap((family) =>
        cable
          .run('a', 'ip', `-${family}`, 'route', 'show', 'proto', 'bird')
          .split('\n')
          .map((line) => line.split(' ')[0] ?? ''),
      )
      .filter(Boolean)
      .sort();

  async function session(name: string): Promise<SessionStatus> {
    const sessions = await bird.sessions();
    if (!sessions.ok) throw new Error(sessions.error.message);
    const found = sessions.value.find((one) => one.name === name);
    if (!found) throw new Error(`BIRD has no session ${name}`);
    return found;
  }

  function established(name: string): Promise<SessionStatus> {
    return eventually(
      `${name} is up`,
      () => session(name),
      ({ state }) => state === 'Established',
    );
  }

  async function configure(text: string): Promise<void> {
    expect(await bird.configure(text)).toEqual({ ok: true, value: undefined });
  }

  beforeAll(() => {
    requirePrograms();
    cable = layCable('s');
    writeFileSync(join(cable.dir, 'dc.conf'), dataCenter());
    startPeer();
    bird = createBirdDaemon({ dir: join(cable.dir, 'tr1'), launcher: cable.at('a') });
  });

  afterAll(async () => {
    await bird?.stop();
    if (cable) {
      spawnSync('birdc', ['-s', join(cable.dir, 'dc.ctl'), 'down']);
      cable.remove();
    }
  });

  it('finds no BIRD to adopt at first, and says so of its sessions', async () => {
    expect(await bird.adopt()).toBeUndefined();
    expect(await bird.sessions()).toMatchObject({ ok: false, error: { kind: 'not-running' } });
  });

  it('brings up a session for each family', async () => {
    await configure(textFor([attachment()]));
    expect(await established('attachment_dc_192_168_0_2')).toMatchObject({
      remoteAs: 65010,
      localAs: 64520,
      neighbor: '192.168.0.2',
    });
    await established('attachment_dc_fd00__2');
  });

  it('learns what the Site owns, and nothing else', async () => {
    const wanted = ['10.7.0.0/16', '10.8.0.0/16', '172.20.0.0/16', 'fd10:0:7::/48'];
    await eventually('its routes are in the kernel', kernelPrefixes, (prefixes) => prefixes.length >= wanted.length);
    expect(kernelPrefixes()).toEqual(wanted);
    expect((await session('attachment_dc_192_168_0_2')).channels).toMatchObject([{ imported: 2, filtered: 3 }]);
  });

  it('tells the Site what other Sites own, with itself as next hop', async () => {
    const routes = await eventually(
      'the peer has the route',
      () => peer('show', 'route', 'protocol', 'r4', 'all'),
      (text) => text.includes('172.20.0.0/16'),
    );
    expect(routes).toContain('BGP.next_hop: 192.168.0.1');
    expect(routes).toContain('BGP.as_path: 64520');
    expect(routes).not.toMatch(/^ ?(10\.|11\.|0\.)/m);
  });

  it('reads the routes back with their attributes', async () => {
    const routes = await bird.routes({ session: 'attachment_dc_192_168_0_2' });
    expect(routes).toMatchObject({
      ok: true,
      value: [
        {
          prefix: '10.7.0.0/16',
          destination: 'unicast',
          protocol: 'attachment_dc_192_168_0_2',
          preferred: true,
          preference: 100,
          nextHops: [{ gateway: '192.168.0.2', device: 'wire' }],
          attributes: { 'BGP.as_path': '65010' },
        },
        { prefix: '10.8.0.0/16' },
      ],
    });
  });

  it('edits a filter without resetting a session', async () => {
    await configure(textFor([attachment({ importFilters: ['f'] }), filter('10.7.0.0/16')]));
    await eventually('10.7 is gone', kernelPrefixes, (prefixes) => !prefixes.includes('10.7.0.0/16'));
    const before = await established('attachment_dc_192_168_0_2');
    await configure(textFor([attachment({ importFilters: ['f'] }), filter('10.8.0.0/16')]));
    await eventually('10.8 is gone', kernelPrefixes, (prefixes) => !prefixes.includes('10.8.0.0/16'));
    await eventually('10.7 is back', kernelPrefixes, (prefixes) => prefixes.includes('10.7.0.0/16'));
    expect(await session('attachment_dc_192_168_0_2')).toMatchObject({
      state: 'Established',
      since: began(before.since),
    });
    expect(peer('show', 'protocols', 'r4')).toContain('Established');
  });

  it('refuses a text that BIRD cannot read and goes on with the old one', async () => {
    const before = await established('attachment_dc_192_168_0_2');
    const refused = await bird.configure('router id 1.2.3.4; protocol nonsense {}');
    expect(refused).toMatchObject({ ok: false, error: { kind: 'refused', subject: 'configure-check' } });
    expect(await session('attachment_dc_192_168_0_2')).toMatchObject({
      state: 'Established',
      since: began(before.since),
    });
    expect(await bird.adopt()).toBe(textFor([attachment({ importFilters: ['f'] }), filter('10.8.0.0/16')]));
  });

  it('is found again, sessions up, by an agent that starts anew', async () => {
    const again = createBirdDaemon({ dir: join(cable.dir, 'tr1'), launcher: cable.at('a') });
    expect(await again.adopt()).toContain('protocol bgp cw_attachment_dc_192_168_0_2 ');
    expect(await again.sessions()).toMatchObject({
      ok: true,
      value: [{ state: 'Established' }, { state: 'Established' }],
    });
  });

  it('puts back a route that someone deleted from the kernel', async () => {
    await configure(textFor([attachment()]));
    await eventually('all routes are there', kernelPrefixes, (prefixes) => prefixes.length === 4);
    cable.run('a', 'ip', 'route', 'del', '10.8.0.0/16');
    expect(await bird.restoreRoutes()).toEqual({ ok: true, value: ['10.8.0.0/16'] });
    await eventually('10.8 is back', kernelPrefixes, (prefixes) => prefixes.includes('10.8.0.0/16'));
    expect(await bird.restoreRoutes()).toEqual({ ok: true, value: [] });
  });

  it('leaves routes of others alone', async () => {
    cable.run('a', 'ip', 'route', 'add', 'blackhole', '198.51.100.0/24', 'proto', 'bird', 'metric', '5');
    cable.run('a', 'ip', 'route', 'add', 'blackhole', '203.0.113.0/24', 'metric', '179');
    expect(await bird.restoreRoutes()).toEqual({ ok: true, value: [] });
  });

  it('keeps forwarding when BIRD is killed, hears of it, and starts again', async () => {
    let downs = 0;
    const watch = bird.onDown(() => {
      downs++;
    });
    await established('attachment_dc_192_168_0_2');
    process.kill(Number(readFileSync(join(cable.dir, 'tr1/bird.pid'), 'utf8')), 'SIGKILL');
    await eventually(
      'the death is heard of',
      () => downs,
      (count) => count === 1,
    );
    expect(kernelPrefixes()).toContain('10.7.0.0/16');
    await configure(textFor([attachment()]));
    await established('attachment_dc_192_168_0_2');
    expect(kernelPrefixes()).toContain('10.7.0.0/16');
    watch.close();
    expect(downs).toBe(1);
  });

  it('notices by BFD that a peer is silent, long before the hold time', async () => {
    await configure(textFor([attachment({ bfd: { minInterval: '200ms' } })]));
    writeFileSync(join(cable.dir, 'dc.conf'), dataCenter('', 'direct; bfd { interval 200 ms; };'));
    peer('configure');
    await established('attachment_dc_192_168_0_2');
    const sessions = (): string =>
      cable.run('a', 'birdc', '-s', join(cable.dir, 'tr1/bird.ctl'), 'show', 'bfd', 'sessions');
    await eventually('BFD is up', sessions, (text) => /192\.168\.0\.2 .* Up /.test(text));
    const silent = Number(readFileSync(join(cable.dir, 'dc.pid'), 'utf8'));
    process.kill(silent, 'SIGSTOP');
    try {
      const name = 'attachment_dc_192_168_0_2';
      await eventually(
        'the session is down',
        () => session(name),
        ({ state }) => state !== 'Established',
        30_000,
      );
    } finally {
      process.kill(silent, 'SIGCONT');
    }
    await established('attachment_dc_192_168_0_2');
  });

  it('holds a session down while its password is missing, and never runs it without', async () => {
    await configure(textFor([attachment({ password: 'dc' })]));
    expect(await session('attachment_dc_192_168_0_2')).toMatchObject({ state: 'Down' });
    await eventually(
      'its routes are gone',
      kernelPrefixes,
      (prefixes) => !prefixes.some((one) => one.startsWith('10.')),
    );
  });

  it('speaks to a peer with the same TCP MD5 password, and not to one without', async () => {
    await configure(textFor([attachment({ password: 'dc' })], { 'bgp/dc': "s3cret # { } ; ' \\ $(x)" }));
    await eventually(
      'BIRD tries',
      () => session('attachment_dc_192_168_0_2'),
      ({ state }) => state !== 'Down',
    );
    writeFileSync(join(cable.dir, 'dc.conf'), dataCenter("s3cret # { } ; ' \\ $(x)"));
    expect((await session('attachment_dc_192_168_0_2')).state).not.toBe('Established');
    peer('configure');
    await established('attachment_dc_192_168_0_2');
  });

  it.each([
    ['another one', 'n0t-the-same'],
    ['one with a quotation mark', 's3cr"et-hostile'],
    ['one with a line break', 's3cret-hostile\n# x'],
    ['one of 200 characters', 's3cret-hostile'.padEnd(200, 'x')],
  ])('has no session with %s, and shows it nowhere', async (_, password) => {
    await configure(textFor([attachment({ password: 'dc' })], { 'bgp/dc': password }));
    const { state } = await eventually(
      'the session with the old password is over',
      () => session('attachment_dc_192_168_0_2'),
      (one) => one.state !== 'Established',
    );
    expect(state).not.toBe('OpenConfirm');
    expect(kernelPrefixes().some((prefix) => prefix.startsWith('10.'))).toBe(false);
    const pid = readFileSync(join(cable.dir, 'tr1/bird.pid'), 'utf8').trim();
    const log = readFileSync(join(cable.dir, 'tr1/bird.log'), 'utf8');
    const shown = [log, readFileSync(`/proc/${pid}/cmdline`, 'utf8'), JSON.stringify(await bird.sessions())];
    for (const text of shown) expect(text).not.toMatch(/n0t-the-same|hostile/);
    if (password.includes('hostile'))
      expect(readFileSync(join(cable.dir, 'tr1/bird.conf'), 'utf8')).not.toContain('hostile');
  });

  it('takes its routes out of the kernel when it is stopped for good, and only its own', async () => {
    expect(await bird.stop()).toEqual({ ok: true, value: undefined });
    expect(kernelPrefixes()).toEqual(['blackhole']);
    expect(cable.run('a', 'ip', 'route', 'show', 'type', 'blackhole')).toMatch(
      /198\.51\.100\.0\/24 .*\n.*203\.0\.113\.0\/24/,
    );
    expect(await bird.adopt()).toBeUndefined();
  });
});

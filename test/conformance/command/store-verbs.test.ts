import { chmodSync, chownSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Bench, makeBench } from './cli-process.ts';

let bench: Bench;
let store: string;
let count = 0;

beforeAll(async () => {
  bench = await makeBench();
});
afterAll(() => bench.remove());
beforeEach(() => {
  count += 1;
  store = join(bench.folder, `store-${count}`);
});

const run = (...argv: string[]) => bench.run(argv, { env: { CAUSEWAY_STORE: store } });
const feed = (input: string, ...argv: string[]) => bench.run(argv, { input, env: { CAUSEWAY_STORE: store } });

const tier = (name: string, order: number) => `
apiVersion: projectcalico.org/v3
kind: Tier
metadata: {name: ${name}}
spec: {order: ${order}}
`;
const policy = (name: string, inTier: string) => `
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: ${name}, labels: {team: a}}
spec: {tier: ${inTier}, order: 10, selector: role == 'edge', ingress: [{action: Allow}]}
`;
const networkSet = (name: string, namespace: string) => `
apiVersion: projectcalico.org/v3
kind: NetworkSet
metadata: {name: ${name}, namespace: ${namespace}}
spec: {nets: [10.0.0.0/8]}
`;

describe('apply', () => {
  it('writes all documents, whatever their order, and says how many', async () => {
    const applied = await feed(`${policy('web', 'hub')}---${tier('hub', 100)}`, 'apply', '-f', '-');
    expect(applied).toEqual({ stdout: 'Successfully applied 2 resource(s)\n', stderr: '', code: 0 });
    const again = await feed(tier('hub', 100), 'apply', '-f', '-');
    expect(again.stdout).toBe("Successfully applied 1 'Tier' resource(s)\n");
  });

  it('writes nothing when one document is wrong, and says where', async () => {
    const file = bench.write('half.yaml', `${tier('good', 1)}---${tier('bad', 1)}`.replace('name: bad', 'name: b.a.d'));
    const applied = await run('apply', '-f', file);
    expect(applied.code).toBe(1);
    expect(applied.stderr).toContain(`${file}:9:18: Tier/b.a.d metadata.name:`);
    expect((await run('get', 'tier', 'good')).code).toBe(1);
  });

  it('writes nothing when a tier is missing', async () => {
    const applied = await feed(`${tier('hub', 1)}---${policy('web', 'nope')}`, 'apply', '-f', '-');
    expect(applied.code).toBe(1);
    expect(applied.stderr).toContain('nope');
    expect(applied.stderr).toContain('nothing was written');
    expect((await run('get', 'tier', 'hub')).code).toBe(1);
  });

  it('refuses what collides with a stored resource, whichever of the two the error is about', async () => {
    const hub = `apiVersion: causeway.dev/v1
kind: Router
metadata: {name: r1}
spec: {asNumber: 64520}
---
apiVersion: causeway.dev/v1
kind: Site
metadata: {name: a}
spec: {type: datacenter, prefixes: [10.0.0.0/8]}
`;
    const tagged = (name: string, net: number) => `---
apiVersion: causeway.dev/v1
kind: Attachment
metadata: {name: ${name}}
spec:
  {router: r1, site: a, link: {vlan: {parent: dx0, id: 101}}, static: {prefixes: [10.0.0.0/8]},
   addresses: {local: [192.0.2.${net + 1}/30], remote: [192.0.2.${net + 2}]}}
`;
    expect((await feed(`${hub}${tagged('m', 0)}`, 'apply', '-f', '-')).code).toBe(0);
    for (const name of ['a', 'z']) {
      const applied = await feed(tagged(name, 4), 'apply', '-f', '-');
      expect(applied).toMatchObject({ code: 1, stdout: '' });
      expect(applied.stderr).toMatch(/tag 101 on dx0 is that of Attachment/);
      expect((await run('get', 'attachment', name)).code).toBe(1);
    }
  });

  it('refuses what somebody else has changed since it was read', async () => {
    await feed(tier('hub', 1), 'apply', '-f', '-');
    const read = await run('get', 'tier', 'hub', '-o', 'yaml');
    await feed(tier('hub', 2), 'apply', '-f', '-');
    const stale = await feed(read.stdout, 'apply', '-f', '-');
    expect(stale).toMatchObject({ code: 1, stdout: '' });
    expect(stale.stderr).toMatch(/^failed to apply 'Tier' resource: update conflict: Tier\(hub\)/);
  });

  it('loses nothing when two run at once', async () => {
    const files = ['a', 'b', 'c', 'd'].map((name, at) =>
      bench.write(`${name}.yaml`, `${tier('shared', at)}---${tier(name, at)}`),
    );
    const applied = await Promise.all(files.map((file) => run('apply', '-f', file)));
    expect(applied.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    const tiers = await run('get', 'tiers', '-o', 'custom-columns=NAME');
    expect(tiers.stdout.split('\n').sort()).toEqual(
      ['', 'NAME', 'a', 'b', 'c', 'd', 'default', 'kube-admin', 'kube-baseline', 'shared'].sort(),
    );
  });

  it('create and replace want it absent and present', async () => {
    const file = bench.write('hub.yaml', tier('hub', 1));
    expect((await run('replace', '-f', file)).stderr).toContain('resource does not exist: Tier(hub)');
    expect((await run('create', '-f', file)).stdout).toBe("Successfully created 1 'Tier' resource(s)\n");
    expect((await run('create', '-f', file)).stderr).toContain('resource already exists: Tier(hub)');
    expect((await run('create', '-f', file, '--skip-exists')).code).toBe(0);
    expect((await run('replace', '-f', file)).stdout).toBe("Successfully replaced 1 'Tier' resource(s)\n");
  });

  it.each([
    ['no file named', ['apply'], 64, 'say which files'],
    ['a file that is not there', ['apply', '-f', 'nope.yaml'], 1, 'nope.yaml: no such file or folder'],
    ['an unknown option', ['apply', '--filname', 'x'], 64, "unknown option '--filname'"],
    ['an empty file', ['apply', '-f', '/dev/null'], 1, 'no resources specified'],
    ['a store that cannot be made', ['apply', '-f', 'hub.yaml', '--store', '/proc/x'], 1, 'cannot be used'],
  ])('%s: exit code and reason', async (_, argv, code, reason) => {
    bench.write('hub.yaml', tier('hub', 1));
    const finished = await run(...argv);
    expect(finished).toMatchObject({ code, stdout: '' });
    expect(finished.stderr).toContain(reason);
    expect(finished.stderr).not.toMatch(/^\s+at /m);
  });

  it('says that it may not write, to a user without the right', async () => {
    if (process.getuid?.() !== 0) return;
    chmodSync(bench.folder, 0o755);
    mkdirSync(store, { mode: 0o755 });
    chownSync(store, 65534, 65534);
    const finished = await bench.run(['get', 'tiers'], { powerless: true, env: { CAUSEWAY_STORE: store } });
    expect(finished).toMatchObject({ code: 1, stdout: '' });
    expect(finished.stderr).toMatch(/permission denied/i);
  });
});

const attachment = (name: string, spec: string) => `
apiVersion: causeway.dev/v1
kind: Attachment
metadata: {name: ${name}}
spec: {router: tr1, site: dc, ${spec}}
`;

describe('get', () => {
  it('shows the devices of links, and the addresses inside wherever they are written', async () => {
    const ends = (subnet: string) => `addresses: {local: [${subnet}.1/30], remote: [${subnet}.2]}`;
    const psk = 'psk: {secretRef: {name: vpn, key: psk}}';
    const tunnels = [1, 2].map((n) => `{remoteAddress: 192.0.2.${n}, ${ends(`169.254.${n + 7}`)}}`);
    const texts = [
      attachment('dx', `link: {vlan: {parent: eth1, id: 101}}, ${ends('10.0.0')}, bgp: {asNumber: 64513}`),
      attachment('vpn', `over: dx, link: {ipsec: {${psk}, tunnels: [${tunnels}]}}, bgp: {asNumber: 64512}`),
    ];
    await feed(texts.join('---'), 'apply', '-f', '-');
    const rows = (await run('get', 'attachments', '-o', 'wide')).stdout.split('\n').map((row) => row.split(/ {2,}/));
    expect(rows.slice(0, 3)).toEqual([
      ['NAME', 'ROUTER', 'SITE', 'LINK', 'PEERASN', 'INTERFACES', 'OVER', 'LOCAL', 'REMOTE', 'PREFERENCE'],
      ['dx', 'tr1', 'dc', 'vlan', '64513', 'eth1.101', '10.0.0.1/30', '10.0.0.2'],
      [
        'vpn',
        'tr1',
        'dc',
        'ipsec',
        '64512',
        'vpn-1,vpn-2',
        'dx',
        '169.254.8.1/30,169.254.9.1/30',
        '169.254.8.2,169.254.9.2',
      ],
    ]);
  });

  it('prints the columns of the kind, tiers by their order', async () => {
    await feed(`${tier('hub', 100)}---${policy('web', 'hub')}`, 'apply', '-f', '-');
    expect((await run('get', 'Tiers')).stdout).toBe(
      'NAME            ORDER\nhub             100\nkube-admin      1000\ndefault         1000000\nkube-baseline   10000000\n',
    );
    expect((await run('get', 'gnp', '-o', 'ps')).stdout).toBe('NAME   TIER\nweb    hub\n');
    expect((await run('get', 'gnp', '-o', 'wide')).stdout).toBe(
      "NAME   TIER   ORDER   SELECTOR\nweb    hub    10      role == 'edge'\n",
    );
  });

  it('shows the namespace when namespaces may differ', async () => {
    await feed(`${networkSet('a', 'shop')}---${networkSet('b', 'default')}`, 'apply', '-f', '-');
    expect((await run('get', 'netsets')).stdout).toBe('NAME\nb\n');
    expect((await run('get', 'netsets', '-n', 'shop')).stdout).toBe('NAMESPACE   NAME\nshop        a\n');
    expect((await run('get', 'netsets', '-A')).stdout).toBe('NAMESPACE   NAME\ndefault     b\nshop        a\n');
  });

  it.each(['yaml', 'json'])(
    'prints %s that can be applied again, without what the store manages on --export',
    async (format) => {
      await feed(tier('hub', 100), 'apply', '-f', '-');
      const read = await run('get', 'tier', 'hub', '-o', format);
      expect(read.stdout).toMatch(/resourceVersion.*uid/s);
      expect((await feed(read.stdout, 'apply', '-f', '-')).code).toBe(0);
      const exported = await run('get', 'tier', 'hub', '-o', format, '--export');
      expect(exported.stdout).not.toMatch(/resourceVersion|uid|creationTimestamp/);
      const all = await run('get', 'tiers', '-o', format);
      expect((await feed(all.stdout, 'apply', '-f', '-')).stdout).toContain('4');
    },
  );

  it('prints what is there, complains of what is not, and ends with 1', async () => {
    await feed(tier('hub', 100), 'apply', '-f', '-');
    const got = await run('get', 'tier', 'hub', 'nope');
    expect(got).toEqual({
      stdout: 'NAME   ORDER\nhub    100\n',
      stderr: 'error: resource does not exist: Tier(nope)\n',
      code: 1,
    });
  });

  it.each([
    [['get'], 'say what to get'],
    [['get', 'gnpp'], 'did you mean GlobalNetworkPolicy?'],
    [['get', 'tier', '-n', 'x'], 'cluster-wide'],
    [['get', 'tier', '-o', 'xml'], 'unknown format'],
    [['get', 'netset', 'a', '-A'], '-n instead of -A'],
    [['gte', 'tier'], 'Did you mean get?'],
  ])('%j: a usage error', async (argv, reason) => {
    const finished = await run(...argv);
    expect(finished).toMatchObject({ code: 64, stdout: '' });
    expect(finished.stderr).toContain(reason);
  });

  it('is quiet when its reader goes away', async () => {
    const many = Array.from({ length: 3000 }, (_, at) => tier(`t${at}`, at)).join('---');
    expect((await feed(many, 'apply', '-f', '-')).code).toBe(0);
    const child = bench.start(['get', 'tiers', '-o', 'yaml'], { env: { CAUSEWAY_STORE: store } });
    let stderr = '';
    child.stderr?.on('data', (text) => {
      stderr += text;
    });
    child.stdout?.once('data', () => child.stdout?.destroy());
    const code = await new Promise((done) => child.on('close', done));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});

describe('label', () => {
  it('sets, overwrites only when told, and removes', async () => {
    await feed(tier('hub', 100), 'apply', '-f', '-');
    const labels = async () => (await run('get', 'tier', 'hub', '-o', 'custom-columns=labels')).stdout.split('\n')[1];
    expect((await run('label', 'tier', 'hub', 'a=b')).code).toBe(0);
    expect((await run('label', 'tier', 'hub', 'a=b')).code).toBe(0);
    expect((await run('label', 'tier', 'hub', 'a=c')).stderr).toContain("has the value 'b' already");
    expect(await labels()).toBe('{"a":"b"}');
    expect((await run('label', 'tier', 'hub', 'a=c', '--overwrite')).code).toBe(0);
    expect(await labels()).toBe('{"a":"c"}');
    expect((await run('label', 'tier', 'hub', 'a', '--remove')).code).toBe(0);
    expect((await run('label', 'tier', 'hub', 'a', '--remove')).stderr).toContain('there is no label a');
    expect(await labels()).toBe('<none>');
  });

  it('keeps the fields of a kind that has them at its root', async () => {
    const slice =
      'apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1, namespace: shop}\naddressType: IPv4\nendpoints: [{addresses: [10.1.0.1]}]\n';
    await feed(slice, 'apply', '-f', '-');
    expect(await run('label', 'endpointslice', 'web-1', '-n', 'shop', 'kubernetes.io/service-name=web')).toMatchObject({
      code: 0,
      stderr: '',
    });
    const { stdout } = await run('get', 'endpointslice', 'web-1', '-n', 'shop', '-o', 'json');
    expect(JSON.parse(stdout)).toMatchObject({
      metadata: { labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.1.0.1'] }],
    });
    expect((await feed(stdout, 'apply', '-f', '-')).code).toBe(0);
  });

  it.each([
    [['label', 'tier', 'nope', 'a=b'], 1, 'does not exist'],
    [['label', 'tier', 'default', 'a=-b-'], 1, 'label'],
    [['label', 'tier', 'default', 'a'], 64, 'write key=value'],
    [['label', 'tier', 'default', 'a=b', '--remove'], 64, 'takes a key'],
  ])('%j: an error', async (argv, code, reason) => {
    await feed(tier('hub', 100), 'apply', '-f', '-');
    const finished = await run(...argv);
    expect(finished).toMatchObject({ code, stdout: '' });
    expect(finished.stderr).toContain(reason);
  });
});

describe('delete', () => {
  it('deletes what it can and says what it cannot', async () => {
    await feed(`${tier('hub', 1)}---${tier('low', 2)}---${policy('web', 'hub')}`, 'apply', '-f', '-');
    const deleted = await run('delete', 'tier', 'hub', 'low', 'nope', 'default');
    expect(deleted.code).toBe(1);
    expect(deleted.stdout).toBe("Successfully deleted 1 'Tier' resource(s)\n");
    expect(deleted.stderr.trim().split('\n')).toEqual([
      expect.stringContaining('Tier(hub): the tier still holds 1'),
      expect.stringContaining('resource does not exist: Tier(nope)'),
      expect.stringContaining('Tier(default): the tier is built in'),
    ]);
  });

  it('takes what files name, and with -s passes over what is not there', async () => {
    const file = bench.write('both.yaml', `${tier('hub', 1)}---${policy('web', 'hub')}`);
    await run('apply', '-f', file);
    expect((await run('delete', '-f', file)).stdout).toBe('Successfully deleted 2 resource(s)\n');
    expect((await run('delete', '-f', file)).code).toBe(1);
    expect((await run('delete', '-f', file, '-s')).code).toBe(0);
  });
});

it('gives the outcome of delete and label as JSON', async () => {
  await feed(`${tier('hub', 1)}---${tier('edge', 2)}`, 'apply', '-f', '-');
  const labelled = await run('label', 'tier', 'hub', 'team=a', '-o', 'json');
  expect(JSON.parse(labelled.stdout)).toEqual({ kind: 'Tier', name: 'hub', labels: { team: 'a' } });
  const deleted = await run('delete', 'tier', 'hub', 'nope', '-o', 'json');
  expect(deleted.code).toBe(1);
  expect(JSON.parse(deleted.stdout)).toEqual([
    { kind: 'Tier', name: 'hub', outcome: 'deleted' },
    { kind: 'Tier', name: 'nope', outcome: 'not-found' },
  ]);
});

it('shows all namespaces with -a as with -A', async () => {
  await feed(networkSet('blocked', 'shop'), 'apply', '-f', '-');
  expect((await run('get', 'netsets', '-a')).stdout).toBe((await run('get', 'netsets', '-A')).stdout);
});

it('an agent says what it needs, and ends, where it may do nothing or has no place for its sockets', async () => {
  const options = { env: { CAUSEWAY_STORE: store }, powerless: true };
  const powerless = await bench.run(['agent', '--router', 'gw'], options);
  expect(powerless).toMatchObject({ code: 1, stdout: '' });
  expect(powerless.stderr).toMatch(/no CAP_NET_ADMIN; run as root/);
  const homeless = await bench.run(['agent', '--router', 'gw', '--run-dir', '/dev/null/run']);
  expect(homeless.code).toBe(1);
  expect(homeless.stderr).toMatch(/^error: the run folder .* cannot be made/);
});

it('says nothing of a store to verbs that need none', async () => {
  await run('version');
  expect(existsSync(store)).toBe(false);
});

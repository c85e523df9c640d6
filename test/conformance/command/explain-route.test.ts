/** `explain route -f` as its users run it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bench, makeBench } from './cli-process.ts';

const resources = `apiVersion: causeway.dev/v1
kind: Router
metadata: {name: tr1}
spec: {asNumber: 64520, routerID: 192.0.2.1}
---
apiVersion: causeway.dev/v1
kind: Site
metadata: {name: dc}
spec: {type: datacenter, prefixes: [10.8.0.0/16]}
---
apiVersion: causeway.dev/v1
kind: Attachment
metadata: {name: tr1-dc}
spec:
  router: tr1
  site: dc
  link: {interface: {name: eth0}}
  addresses: {local: [10.0.0.1/24], remote: [10.0.0.2]}
  bgp: {asNumber: 65010, importFilters: [no-lab]}
---
apiVersion: projectcalico.org/v3
kind: BGPFilter
metadata: {name: no-lab}
spec:
  importV4:
  - {action: Reject, matchOperator: In, cidr: 10.8.9.0/24}
`;

describe('explain route -f', () => {
  let bench: Bench;
  let file: string;
  beforeAll(async () => {
    bench = await makeBench();
    file = bench.write('network.yaml', resources);
  });
  afterAll(() => bench.remove());
  const explain = (...words: string[]) => bench.run(['explain', 'route', ...words]);

  it('names the rule that refuses a prefix, with file and line', async () => {
    const { stdout, code } = await explain('10.8.9.0/24', '-f', file, '--router', 'tr1', '-o', 'json');
    expect(code).toBe(0);
    const [route] = JSON.parse(stdout).routes;
    expect(route.learned).toMatchObject({ outcome: 'no', filter: { name: 'no-lab', list: 'importV4', rule: 0 } });
    expect(route).toMatchObject({ file, line: 26, told: [] });
  });

  it('takes the peer by its Site, and the path that it sends', async () => {
    const words = ['10.8.1.0/24', '-f', file, '--router', 'tr1', '--from', 'dc', '--as-path', '65010 64520'];
    expect((await explain(...words)).stdout).toMatch(/AS path 65010 64520:\n {2}NO {3}learned: AS 64520 is our own/);
  });

  it.each([
    ['no prefix', ['nonsense', '-f', 'FILE', '--router', 'tr1'], 64, '"nonsense" is no prefix'],
    ['no router', ['10.8.0.0/16', '-f', 'FILE'], 64, 'say which router'],
    ['a router that is not there', ['10.8.0.0/16', '-f', 'FILE', '--router', 'x'], 1, 'there are tr1'],
    ['no such peers', ['10.8.0.0/16', '-f', 'FILE', '--router', 'tr1', '--from', 'x', '--peer', 'y'], 1, 'peer x'],
    ['no AS path', ['10.8.0.0/16', '-f', 'FILE', '--router', 'tr1', '--as-path', 'x'], 64, 'is no AS number'],
    ['no community', ['10.8.0.0/16', '-f', 'FILE', '--router', 'tr1', '--community', 'x'], 64, '--community'],
    ['an option for files alone', ['10.8.0.0/16', '--from', 'x'], 64, 'add -f PATH'],
  ])('given %s says so', async (_, words, code, message) => {
    const ran = await explain(...words.map((word) => (word === 'FILE' ? file : word)));
    expect(ran).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(message) });
  });
});

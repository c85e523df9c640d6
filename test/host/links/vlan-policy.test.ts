/**
 * Policy on the parent of a VLAN and on the VLAN itself: each is enforced on its own frames, as they arrive from the wire.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { compileRuleset } from '../../../src/nftables/compile.ts';
import { printRuleset } from '../../../src/nftables/print.ts';
import type { Manifest } from '../../properties/naive/manifest.ts';
import { requirePrograms } from '../bird/namespaces.ts';
import { calico, readPolicy, router } from '../policy/verdict-table.ts';
import { layWire, vlanLink, type Wire } from './vlan-wire.ts';

let wire: Wire;
let folder: string;

beforeEach(async () => {
  requirePrograms();
  folder = mkdtempSync(join(tmpdir(), 'cw-vlan-policy-'));
  wire = layWire();
  for (const end of ['a', 'b'] as const) await wire.driver(end).ensure([vlanLink(end)], new Map());
  await wire.driver('a').ensure([vlanLink('a')], new Map());
  for (const [end, host] of [['a', 1] as const, ['b', 2] as const]) {
    wire.run(end, 'ip', 'address', 'add', `192.0.2.${host}/30`, 'dev', 'dx0');
    wire.run(end, 'ip', 'address', 'add', `2001:db8:9::${host}/64`, 'dev', 'dx0', 'nodad');
  }
});

afterEach(() => {
  wire.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** An endpoint on the device, and whether policy lets an echo request in by it. */
function door(name: string, interfaceName: string, isOpen: boolean): Manifest[] {
  const ingress = ['ICMP', 'ICMPv6'].map((protocol) => ({ action: isOpen ? 'Allow' : 'Deny', protocol }));
  return [
    calico('HostEndpoint', name, { node: 'r1', interfaceName }, { door: name }),
    calico('GlobalNetworkPolicy', name, { selector: `door == '${name}'`, types: ['Ingress'], ingress }),
  ];
}

function enforce(isParentOpen: boolean, isVlanOpen: boolean): void {
  const policy = readPolicy([
    router('Deny'),
    ...door('parent', 'dx0', isParentOpen),
    ...door('vlan', 'dx0.101', isVlanOpen),
  ]);
  const file = join(folder, 'ruleset.nft');
  writeFileSync(file, printRuleset(compileRuleset(policy)));
  wire.run('b', 'nft', '-f', file);
}

it.each([
  ['IPv4', '192.0.2.2', '169.254.10.2'],
  ['IPv6', '2001:db8:9::2', 'fd00:10::2'],
])('%s: the parent’s policy holds for frames without a tag, the VLAN’s for those with it', (_, plain, tagged) => {
  const reached = () => [wire.reaches('a', plain), wire.reaches('a', tagged)];
  expect(reached()).toEqual([true, true]);
  for (const [parent, vlan] of [
    [true, false],
    [false, true],
    [false, false],
    [true, true],
  ] as const) {
    enforce(parent, vlan);
    expect(reached()).toEqual([parent, vlan]);
  }
});

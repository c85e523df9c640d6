/** Policies and their rules: each refusal, at its place, with its reason. */
import { describe, expect, it } from 'vitest';
import { parseFile } from './document.ts';
import { manifest, problemsOf } from './manifest.fixture.ts';

const policy = (spec: string): string => manifest('GlobalNetworkPolicy', spec);
const ingress = (rule: string): string => policy(`ingress:\n- action: Allow\n${rule.replace(/^/gm, '  ')}`);
const egress = (rule: string): string => policy(`egress:\n- action: Allow\n${rule.replace(/^/gm, '  ')}`);

describe('beside services', () => {
  const service = 'services: {name: a, namespace: b}';
  const beside: Readonly<Record<string, string>> = {
    selector: 'all()',
    notSelector: 'has(a)',
    namespaceSelector: 'all()',
    serviceAccounts: '{names: [x]}',
    nets: '[10.0.0.0/8]',
    notNets: '[10.0.0.0/8]',
    ports: '[80]',
    notPorts: '[80]',
  };
  it.each(Object.entries(beside))('a destination has no %s: %s', (field, value) => {
    const rule = egress(`protocol: TCP\ndestination:\n  ${service}\n  ${field}: ${value}`);
    expect(problemsOf(rule).map((problem) => problem.field)).toEqual([`spec.egress[0].destination.${field}`]);
  });

  it.each(Object.entries(beside))('a source has ports and nothing else, %s: %s', (field, value) => {
    const rule = ingress(`protocol: TCP\nsource:\n  ${service}\n  ${field}: ${value}`);
    const isAllowed = field === 'ports' || field === 'notPorts';
    expect(problemsOf(rule)).toHaveLength(isAllowed ? 0 : 1);
  });
});

describe('rules that are refused', () => {
  it.each<[string, string, string, string, RegExp]>([
    [
      'nets with host bits',
      ingress('source:\n  nets: [10.0.0.1/8]'),
      'spec.ingress[0].source.nets[0]',
      '10.0.0.1/8',
      /write 10\.0\.0\.0\/8/,
    ],
    [
      'a bare address in nets',
      ingress('source:\n  nets: [10.0.0.1]'),
      'spec.ingress[0].source.nets[0]',
      '10.0.0.1',
      /write 10\.0\.0\.1\/32/,
    ],
    [
      'nets of both families',
      ingress('source:\n  nets: [10.0.0.0/8]\ndestination:\n  notNets: [fd00::/8]'),
      'spec.ingress[0].destination.notNets[0]',
      'fd00',
      /one IP version/,
    ],
    [
      'IPv6 nets under ipVersion 4',
      ingress('ipVersion: 4\nsource:\n  nets: [fd00::/8]'),
      'spec.ingress[0].source.nets[0]',
      'fd00',
      /ipVersion 4/,
    ],
    [
      'notNets of everything',
      ingress('source:\n  notNets: [0.0.0.0/0]'),
      'spec.ingress[0].source.notNets[0]',
      '0.0.0.0/0',
      /never match/,
    ],
    [
      'notNets of all IPv6',
      ingress('source:\n  notNets: ["::/0"]'),
      'spec.ingress[0].source.notNets[0]',
      '"::/0"',
      /never match/,
    ],
    [
      'port numbers without protocol',
      ingress('destination:\n  ports: [80]'),
      'spec.ingress[0].destination.ports',
      '[80]',
      /add protocol TCP, UDP or SCTP/,
    ],
    [
      'ports with ICMP',
      ingress('protocol: ICMP\ndestination:\n  ports: [80]'),
      'spec.ingress[0].destination.ports',
      '[80]',
      /protocol ICMP has no ports/,
    ],
    [
      'a named port with ICMP',
      ingress('protocol: ICMP\nsource:\n  notPorts: [http]'),
      'spec.ingress[0].source.notPorts',
      '[http]',
      /has no ports/,
    ],
    [
      'ports under notProtocol only',
      ingress('notProtocol: UDP\ndestination:\n  ports: [80]'),
      'spec.ingress[0].destination.ports',
      '[80]',
      /need a protocol/,
    ],
    ['protocol in lower case', ingress('protocol: tcp'), 'spec.ingress[0].protocol', 'tcp', /write TCP/],
    ['protocol 0', ingress('protocol: 0'), 'spec.ingress[0].protocol', '0', /1 to 255/],
    ['protocol 256', ingress('protocol: 256'), 'spec.ingress[0].protocol', '256', /1 to 255/],
    ['protocol "256"', ingress('protocol: "256"'), 'spec.ingress[0].protocol', '"256"', /1 to 255/],
    ['icmp without protocol', ingress('icmp: {type: 8}'), 'spec.ingress[0].icmp', 'icmp', /protocol ICMP or ICMPv6/],
    [
      'icmp under TCP',
      ingress('protocol: TCP\nicmp: {type: 8}'),
      'spec.ingress[0].icmp',
      'icmp',
      /protocol ICMP or ICMPv6/,
    ],
    ['icmp type 255', ingress('protocol: ICMP\nicmp: {type: 255}'), 'spec.ingress[0].icmp.type', '255', /0 to 254/],
    [
      'icmp code without type',
      ingress('protocol: ICMP\nicmp: {code: 0}'),
      'spec.ingress[0].icmp.code',
      '0',
      /add type/,
    ],
    ['ICMP over IPv6', ingress('protocol: ICMP\nipVersion: 6'), 'spec.ingress[0].ipVersion', '6', /ICMPv6/],
    ['ICMPv6 over IPv4', ingress('protocol: ICMPv6\nipVersion: 4'), 'spec.ingress[0].ipVersion', '4', /IPv6 only/],
    ['ipVersion 5', ingress('ipVersion: 5'), 'spec.ingress[0].ipVersion', '5', /write 4 or 6/],
    [
      'an HTTP match, which a packet filter cannot enforce',
      ingress('http: {methods: [GET]}'),
      'spec.ingress[0].http',
      'http',
      /packet filter/,
    ],
    [
      'port 0',
      ingress('protocol: TCP\ndestination:\n  ports: [0]'),
      'spec.ingress[0].destination.ports[0]',
      '0',
      /1 to 65535/,
    ],
    [
      'a range backwards',
      ingress('protocol: TCP\ndestination:\n  ports: ["10:5"]'),
      'spec.ingress[0].destination.ports[0]',
      '"10:5"',
      /first <= last/,
    ],
    [
      'port 70000',
      ingress('protocol: TCP\ndestination:\n  ports: [70000]'),
      'spec.ingress[0].destination.ports[0]',
      '70000',
      /1 to 65535/,
    ],
    [
      'a range with a dash',
      ingress('protocol: TCP\ndestination:\n  ports: ["80-90"]'),
      'spec.ingress[0].destination.ports[0]',
      '"80-90"',
      /written "80:90"|first:last|no port name/,
    ],
    [
      'action in lower case',
      policy('ingress:\n- action: allow'),
      'spec.ingress[0].action',
      'allow',
      /did you mean Allow/,
    ],
    ['a rule without action', policy('ingress:\n- protocol: TCP'), 'spec.ingress[0].action', 'protocol', /required/],
    [
      'services in an ingress destination',
      ingress('destination:\n  services: {name: a, namespace: b}'),
      'spec.ingress[0].destination.services',
      'services',
      /only in the source/,
    ],
    [
      'services in an egress source',
      egress('source:\n  services: {name: a, namespace: b}'),
      'spec.egress[0].source.services',
      'services',
      /only in the destination/,
    ],
    [
      'services without namespace in a global policy',
      egress('destination:\n  services: {name: a}'),
      'spec.egress[0].destination.services.namespace',
      '{name',
      /namespace/,
    ],
    [
      'services beside ports',
      egress('protocol: TCP\ndestination:\n  services: {name: a, namespace: b}\n  ports: [80]'),
      'spec.egress[0].destination.ports',
      'ports',
      /conflicts with services/,
    ],
    [
      'services beside nets',
      egress('destination:\n  services: {name: a, namespace: b}\n  nets: [10.0.0.0/8]'),
      'spec.egress[0].destination.nets',
      'nets',
      /conflicts with services/,
    ],
    [
      'global() in a selector',
      ingress('source:\n  selector: global()'),
      'spec.ingress[0].source.selector',
      'global()',
      /stands alone/,
    ],
    [
      'a field of the commercial editions',
      egress('destination:\n  domains: [example.com]'),
      'spec.egress[0].destination.domains',
      'domains',
      /commercial/,
    ],
    [
      'a misspelt field',
      ingress('source:\n  net: [10.0.0.0/8]'),
      'spec.ingress[0].source.net',
      'net',
      /not recognized or is in the wrong location: net; did you mean nets\?/,
    ],
    [
      'an empty list entry',
      ingress('source:\n  nets: [null]'),
      'spec.ingress[0].source.nets[0]',
      'null',
      /must be text/,
    ],
    [
      'text where an object is expected',
      ingress('source: everyone'),
      'spec.ingress[0].source',
      'everyone',
      /must be an object/,
    ],
  ])('%s', (_title, text, field, at, reason) => {
    const problems = problemsOf(text);

    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ field, reason: expect.stringMatching(reason) });
    expect(problems[0]?.at.startsWith(at)).toBe(true);
  });
});

describe('rules that are accepted', () => {
  it.each([
    ['a named port without protocol', ingress('destination:\n  ports: [http]')],
    [
      'protocol as number and as text',
      policy('ingress:\n- {action: Allow, protocol: 255}\n- {action: Deny, protocol: "1"}'),
    ],
    ['a range of one port', ingress('protocol: TCP\ndestination:\n  ports: ["5:5"]')],
    ['ICMP by number with type and code 0', ingress('protocol: 1\nicmp: {type: 0, code: 0}')],
    ['notICMP without protocol', ingress('notICMP: {type: 8}')],
    ['global() as the whole namespaceSelector', ingress('source:\n  namespaceSelector: " global() "')],
    [
      'services with ports as a source',
      ingress('protocol: TCP\nsource:\n  services: {name: a, namespace: b}\n  ports: [80]'),
    ],
  ])('%s', (_title, text) => {
    expect(problemsOf(text)).toEqual([]);
  });
});

describe('policies that are refused', () => {
  it.each<[string, string, string, string, RegExp]>([
    ['preDNAT without applyOnForward', policy('preDNAT: true'), 'spec.preDNAT', 'true', /ApplyOnForward set to true/],
    [
      'doNotTrack without applyOnForward',
      policy('doNotTrack: true'),
      'spec.doNotTrack',
      'true',
      /ApplyOnForward set to true/,
    ],
    [
      'preDNAT with egress rules',
      policy('preDNAT: true\napplyOnForward: true\ntypes: [Ingress]\negress:\n- action: Allow'),
      'spec.egress',
      'egress',
      /cannot have any Egress/,
    ],
    [
      'preDNAT with type Egress',
      policy('preDNAT: true\napplyOnForward: true\ntypes: [Ingress, Egress]'),
      'spec.types[1]',
      'Egress',
      /Egress/,
    ],
    [
      'preDNAT and doNotTrack',
      policy('preDNAT: true\napplyOnForward: true\ndoNotTrack: true'),
      'spec.doNotTrack',
      'true',
      /cannot both be true/,
    ],
    ['a type twice', policy('types: [Ingress, Ingress]'), 'spec.types[1]', 'Ingress', /listed twice/],
    ['an unknown type', policy('types: [ingress]'), 'spec.types[0]', 'ingress', /did you mean Ingress/],
    ['a line break in a selector', policy("selector: |\n  foo == 'bar'"), 'spec.selector', '|', /line break/],
    ['global() in a policy selector', policy('selector: global()'), 'spec.selector', 'global()', /stands alone/],
    [
      'a selector of 1025 characters',
      policy(`selector: has(${'a'.repeat(1020)})`),
      'spec.selector',
      'has',
      /at most 1024/,
    ],
    ['a broken selector', policy("selector: foo = 'bar'"), 'spec.selector', 'foo', /invalid selector at character/],
    ['an infinite order', policy('order: .inf'), 'spec.order', '.inf', /finite/],
    ['an order as text', policy('order: "5"'), 'spec.order', '"5"', /must be a number, not the text "5"/],
    [
      'applyOnForward in a NetworkPolicy',
      manifest('NetworkPolicy', 'applyOnForward: true'),
      'spec.applyOnForward',
      'applyOnForward',
      /not recognized/,
    ],
    [
      'namespaceSelector in a NetworkPolicy',
      manifest('NetworkPolicy', 'namespaceSelector: all()'),
      'spec.namespaceSelector',
      'namespaceSelector',
      /not recognized/,
    ],
    [
      'a staged deletion with rules',
      manifest('StagedGlobalNetworkPolicy', 'stagedAction: Delete\ntier: default\norder: 1'),
      'spec.order',
      'order',
      /stagedAction is Delete/,
    ],
    [
      'an unknown staged action',
      manifest('StagedNetworkPolicy', 'stagedAction: Remove'),
      'spec.stagedAction',
      'Remove',
      /Set, Delete, Learn, Ignore/,
    ],
    [
      'a hint that is none',
      policy('performanceHints: [Fast]'),
      'spec.performanceHints[0]',
      'Fast',
      /AssumeNeededOnEveryNode/,
    ],
    [
      '1025 rules',
      policy(`ingress: [${Array(1025).fill('{action: Allow}').join(',')}]`),
      'spec.ingress',
      '[',
      /at most 1024/,
    ],
  ])('%s', (_title, text, field, at, reason) => {
    const problems = problemsOf(text);

    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ field, reason: expect.stringMatching(reason) });
    expect(problems[0]?.at.startsWith(at)).toBe(true);
  });

  it('says everything at once, cross-field rules too, even where single fields are wrong', () => {
    const text = policy(
      'order: many\npreDNAT: true\nselector: "(("\negress:\n- action: allow\n  protocol: tcp\n- action: Allow\n  destination:\n    ports: [80]',
    );

    expect(problemsOf(text).map((problem) => problem.field)).toEqual([
      'spec.order',
      'spec.preDNAT',
      'spec.selector',
      'spec.egress',
      'spec.egress[0].action',
      'spec.egress[0].protocol',
      'spec.egress[1].destination.ports',
    ]);
  });
});

describe('what a policy without types gets', () => {
  it.each([
    ['no rules', 'order: 1', ['Ingress']],
    ['empty lists', 'ingress: []\negress: []', ['Ingress']],
    ['an empty ingress list beside egress rules', 'ingress: []\negress:\n- action: Allow', ['Egress']],
    ['ingress rules', 'ingress:\n- action: Allow', ['Ingress']],
    ['egress rules', 'egress:\n- action: Allow', ['Egress']],
    ['both', 'ingress:\n- action: Allow\negress:\n- action: Allow', ['Ingress', 'Egress']],
    ['types of its own, even contradictory ones', 'types: [Egress]\ningress:\n- action: Allow', ['Egress']],
    ['an empty types list', 'types: []\negress:\n- action: Allow', ['Egress']],
  ])('%s', (_title, spec, types) => {
    const { resources, errors } = parseFile({ path: 'f.yaml', text: policy(spec) });

    expect(errors).toEqual([]);
    expect(resources[0]?.resource.spec).toMatchObject({ tier: 'default', types });
  });

  it('keeps zeros that mean something and drops those that do not', () => {
    const text = policy('order: 0\nselector: ""\napplyOnForward: false\negress: []\ntier: ""');
    const { resources } = parseFile({ path: 'f.yaml', text });

    expect(resources[0]?.resource.spec).toEqual({ tier: 'default', order: 0, types: ['Ingress'] });
  });
});

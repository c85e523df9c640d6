/**
 * The whole BIRD configuration of one router.
 *
 *   RoutingIntent ─[compile]→ BirdConfig → print
 *
 * Invariant: every session has its own import and export filter, and each depends on nothing but that session and the
 * BGPFilters it names: a change elsewhere leaves its text, and so the session, alone. A session whose password is missing
 * or unusable is held down; no session ever runs without a password it should have.
 */
import {
  type BgpRole,
  type ChannelIntent,
  isInternal,
  type RoutingIntent,
  type SessionIntent,
} from '../intent/routing/routing-intent.ts';
import { bitLength, type Family, families } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import { compileExport } from './compile-export.ts';
import { compileFilter } from './compile-filter.ts';
import { compileImport } from './compile-import.ts';
import type {
  BgpChannel,
  BgpProtocol,
  BgpTemplate,
  BirdConfig,
  BirdFilter,
  BirdFunction,
  BirdRole,
  KernelProtocol,
  StaticProtocol,
} from './config.ts';
import {
  aggregateName,
  bfdName,
  birdPrefix,
  channelFilterName,
  deviceName,
  directName,
  filterFunctionName,
  kernelFilterName,
  kernelName,
  originatedName,
  sessionProtocolName,
  staticName,
} from './names.ts';
import { quotePassword } from './quote.ts';
import { refuse } from './refuse.ts';
import { shareSets } from './share-sets.ts';
import { type BirdSnippet, snippetFunctions } from './snippets.ts';

export interface BirdOptions {
  /** Values by `name/key`; what is missing holds its sessions down. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Metric of our kernel routes, with which they are told from others' (docs/decisions/0002). */
  readonly kernelMetric?: number;
  /** Number of the kernel's routing table; the main one unless said. */
  readonly kernelTable?: number;
  readonly log?: BirdConfig['log'];
  /** Aggregates that stand for something now; the others are not announced (RoutingIntent.aggregates). */
  readonly activeAggregates?: readonly Prefix[];
  /** The user's own text, copied as it is. */
  readonly snippets?: readonly BirdSnippet[];
}

export const defaultKernelMetric = 179;
const mainTable = 254;
const kernelScanSeconds = 10;
/** Paths of one route in the kernel at most. */
const mergePaths = 16;

/** What sessions of one sort share. */
const templates: Readonly<Record<'attachment' | 'group' | 'peer' | 'mesh', BgpTemplate>> = {
  attachment: { name: `${birdPrefix}t_attachment`, connectDelay: 1, connectRetry: 5, errorWait: [1, 30] },
  group: { name: `${birdPrefix}t_group`, connectDelay: 1, connectRetry: 5, errorWait: [1, 15] },
  // Calico's own timers (semantics §5.7).
  peer: { name: `${birdPrefix}t_peer`, connectDelay: 2, connectRetry: 5, errorWait: [5, 30] },
  mesh: { name: `${birdPrefix}t_mesh`, connectDelay: 2, connectRetry: 5, errorWait: [5, 30] },
};

export function compileBird(routing: RoutingIntent, options: BirdOptions): BirdConfig {
  const used = new Set(routing.sessions.map(templateOf));
  const hooks = snippetFunctions(options.snippets ?? []);
  const { filters, sets } = shareSets([
    ...families.map((family) => compileKernelFilter(routing, family)),
    ...routing.sessions.flatMap((session) =>
      session.channels.flatMap((channel) => compileFilters(session, channel, routing, hooks)),
    ),
  ]);
  return {
    routerId: routing.routerId,
    log: options.log ?? { to: 'stderr' },
    debug: routing.debug,
    snippets: options.snippets ?? [],
    sets,
    functions: compileFunctions(routing),
    filters,
    bfd: routing.sessions.some((session) => session.bfd) ? bfdName : undefined,
    device: { name: deviceName, scanSeconds: kernelScanSeconds },
    direct: { name: directName, ignored: routing.ignoredInterfaces },
    kernels: families.map((family) => compileKernel(routing, options, family)),
    statics: families.flatMap((family) => [
      compileStatic(routing, family),
      ...compileStandIns(routing, options.activeAggregates ?? [], family),
    ]),
    templates: Object.values(templates).filter((template) => used.has(template)),
    sessions: routing.sessions.map((session) => compileSession(session, routing, options)),
  };
}

/**
 * Why a session must not run: its password is missing or cannot be used, or a function of the user's that it asks for each
 * route does not exist. Undefined when it may.
 */
export function reasonHeldDown(
  session: SessionIntent,
  secrets: BirdOptions['secrets'],
  snippets: readonly BirdSnippet[] = [],
): string | undefined {
  const hooks = session.channels.flatMap((channel) => [channel.import.hook ?? [], channel.export.hook ?? []].flat());
  const known = hooks.length === 0 ? undefined : snippetFunctions(snippets);
  const missing = hooks.find((hook) => !known?.has(hook));
  if (missing !== undefined) return `no file of the user's own BIRD text defines function ${missing}`;
  if (!session.password) return undefined;
  const key = `${session.password.name}/${session.password.key}`;
  const secret = secrets.get(key);
  if (secret === undefined) return `secret ${key} is missing`;
  const quoted = quotePassword(secret);
  if (!quoted.ok) return `secret ${key}: ${quoted.error.message}`;
  const { shortestPassword: least = 0 } = session;
  return secret.length < least
    ? `secret ${key}: the peer takes no password of fewer than ${least} characters`
    : undefined;
}

/**
 * Both filters of a channel. A function of the user's that no file defines cannot be called, or BIRD would refuse the text of
 * all sessions: nothing passes there, and the session is held down.
 */
function compileFilters(
  session: SessionIntent,
  channel: ChannelIntent,
  routing: RoutingIntent,
  hooks: ReadonlySet<string>,
): BirdFilter[] {
  const isThere = (hook: string | undefined): boolean => hook === undefined || hooks.has(hook);
  const importFilter = compileImport(session, channel, routing);
  const exportFilter = compileExport(session, channel, routing);
  return [
    isThere(channel.import.hook) ? importFilter : { ...importFilter, body: refuse('hook', routing.localAs) },
    isThere(channel.export.hook) ? exportFilter : { ...exportFilter, body: [{ kind: 'reject' }] },
  ];
}

/** One for each BGPFilter, direction and family that a session calls, sorted by name. */
export function compileFunctions(routing: RoutingIntent): BirdFunction[] {
  const functions = new Map<string, BirdFunction>();
  for (const session of routing.sessions) {
    for (const channel of session.channels) {
      for (const direction of ['import', 'export'] as const) {
        for (const name of channel[direction].filters) {
          // Hundreds of sessions name the same few filters.
          if (functions.has(filterFunctionName(name, direction, channel.family))) continue;
          const filter = routing.filters.get(name);
          const compiled = filter && compileFilter(filter, direction, channel.family, routing.localAs);
          if (compiled) functions.set(compiled.name, compiled);
        }
      }
    }
  }
  return [...functions.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Into the kernel go routes from BGP and static ones, blackholes for own blocks included; never what others put there. */
function compileKernelFilter(routing: RoutingIntent, family: Family): BirdFilter {
  const rejected = routing.kernelRejects
    .filter((prefix) => prefix.family === family)
    .map((prefix) => ({ prefix, low: prefix.length, high: bitLength(family) }));
  // A default route to nowhere of our metric would win over one of a higher metric, and take the machine off the net.
  const isEmptyDefault = {
    kind: 'all',
    operands: [
      { kind: 'protocol', name: aggregateName(family) },
      { kind: 'net-in', set: [{ prefix: { family, bits: 0n, length: 0 }, low: 0, high: 0 }] },
    ],
  } as const;
  const hasEmptyDefault = routing.aggregates.some(({ prefix }) => prefix.family === family && prefix.length === 0);
  const isOurs = {
    kind: 'any',
    operands: [
      { kind: 'source', source: 'RTS_BGP' },
      { kind: 'source', source: 'RTS_STATIC' },
    ],
  } as const;
  return {
    name: kernelFilterName(family),
    comment: `what the kernel gets, IPv${family}`,
    body: [
      { kind: 'if', when: { kind: 'protocol', name: originatedName(family) }, body: [{ kind: 'reject' }] },
      ...(hasEmptyDefault ? [{ kind: 'if', when: isEmptyDefault, body: [{ kind: 'reject' }] } as const] : []),
      ...(rejected.length === 0
        ? []
        : [{ kind: 'if', when: { kind: 'net-in', set: rejected }, body: [{ kind: 'reject' }] } as const]),
      { kind: 'if', when: isOurs, body: [{ kind: 'accept' }] },
      { kind: 'reject' },
    ],
  };
}

function compileKernel(routing: RoutingIntent, options: BirdOptions, family: Family): KernelProtocol {
  return {
    name: kernelName(family),
    family,
    scanSeconds: kernelScanSeconds,
    metric: options.kernelMetric ?? defaultKernelMetric,
    kernelTable: options.kernelTable ?? mainTable,
    mergePaths: routing.multipath.isOn ? mergePaths : undefined,
    learn: routing.learnsKernelRoutes ?? false,
    exportFilter: kernelFilterName(family),
  };
}

function compileStatic(routing: RoutingIntent, family: Family): StaticProtocol {
  return {
    name: staticName(family),
    family,
    preference: undefined,
    routes: routing.staticRoutes
      .filter((route) => route.prefix.family === family)
      .map(({ prefix, target }) => ({ prefix, target })),
  };
}

/** Worse than any route that leads somewhere, BGP's 100 and the kernel's 10 included. */
const standInPreference = { aggregate: 5, originated: 1 } as const;

/**
 * Routes that stand for others: active aggregates, which the kernel gets too, so that what no more specific route takes does
 * not go back where it came from; and the default route that some peers are told of, which it does not get.
 */
function compileStandIns(
  routing: RoutingIntent,
  activeAggregates: readonly Prefix[],
  family: Family,
): StaticProtocol[] {
  const originates = routing.sessions.some((session) =>
    session.channels.some((channel) => channel.family === family && channel.export.originatesDefault),
  );
  const aggregates = routing.aggregates.filter(({ prefix }) => prefix.family === family);
  return [
    ...(aggregates.length === 0
      ? []
      : [
          {
            name: aggregateName(family),
            family,
            preference: standInPreference.aggregate,
            routes: activeAggregates
              .filter((prefix) => prefix.family === family)
              .map((prefix) => ({ prefix, target: { kind: 'unreachable' } as const })),
          },
        ]),
    ...(originates
      ? [
          {
            name: originatedName(family),
            family,
            preference: standInPreference.originated,
            routes: [{ prefix: { family, bits: 0n, length: 0 }, target: { kind: 'unreachable' } as const }],
          },
        ]
      : []),
  ];
}

function compileSession(session: SessionIntent, routing: RoutingIntent, options: BirdOptions): BgpProtocol {
  const heldDown = reasonHeldDown(session, options.secrets, options.snippets);
  const { password } = session;
  return {
    name: sessionProtocolName(session.name),
    template: templateOf(session).name,
    comment: session.description,
    description: session.description,
    heldDown,
    local: { address: session.sourceAddress, port: routing.listenPort, as: session.localAs },
    neighbor: { address: session.neighbor, port: session.port, as: session.remoteAs },
    strictBind: routing.listenOn.length > 0 && session.sourceAddress !== undefined,
    reach: session.reach,
    ttlSecurity: session.ttlSecurity,
    passive: session.passive,
    password: password && heldDown === undefined ? options.secrets.get(`${password.name}/${password.key}`) : undefined,
    rrClusterId: session.rrClient ? session.rrClusterId : undefined,
    gracefulRestart: session.gracefulRestart,
    keepalive: session.keepalive,
    hold: session.hold,
    allowLocalAs: session.allowLocalAs,
    role: session.role && { local: birdRoles[session.role.local], isRequired: session.role.isStrict },
    bfd: session.bfd,
    channels: session.channels.map((channel) => compileChannel(session, channel)),
  };
}

function compileChannel(session: SessionIntent, channel: ChannelIntent): BgpChannel {
  return {
    family: channel.family,
    importFilter: channelFilterName('import', session, channel.family),
    exportFilter: channelFilterName('export', session, channel.family),
    nextHop: session.nextHop,
    addPaths: channel.export.default === 'calico',
    // Not every peer sends its routes again when asked to (RFC 2918): FRR 8.4 answers nothing where it has sent them before.
    keepsReceived: !isInternal(session),
    extendedNextHop: channel.extendedNextHop,
    receiveLimit: channel.import.receiveLimit,
    importLimit: channel.import.limit,
    exportLimit: channel.export.limit,
  };
}

/** The names of RFC 9234 as BIRD's keywords. */
const birdRoles: Readonly<Record<BgpRole, BirdRole>> = {
  provider: 'provider',
  customer: 'customer',
  peer: 'peer',
  'rs-server': 'rs_server',
  'rs-client': 'rs_client',
};

function templateOf(session: SessionIntent): BgpTemplate {
  switch (session.origin?.kind) {
    case 'Attachment':
      return templates.attachment;
    case 'Router':
      return templates.group;
    case undefined:
      return templates.mesh;
    default:
      return templates.peer;
  }
}

/**
 * Which links may be brought about now, which must go, and when to look again: what keeps links decides here.
 *
 *   LinkDemand ─[dueTurns]→ Turn[] ─driver.ensure─▶ LinkReport[] ─[endTurn]→ LinkKeeper ─[linkStatuses]→ status
 *
 * Each kind has a turn of its own under way, so that tunnels that take long hold up no VLAN.
 * Invariant: pure. Guard before link: nothing new is asked for before the policy of that intent is in the kernel, and nothing is
 * taken away before BIRD has settled without it, nor an underlay before what runs over it.
 */
import type { LinkIntent, LinkKind } from '../intent/links/links-intent.ts';
import { printAddress } from '../net/address.ts';
import { sameItems, sameValue } from '../net/same-value.ts';
import type { Result } from '../result.ts';
import type { LinkReport } from './link-report.ts';

/** What the router's links are to be, and what may be done about it now. */
export interface LinkDemand {
  /** Sorted by interface name; none for a router that is no router any more. */
  readonly links: readonly LinkIntent[];
  /** The kernel was seen to hold the policy of the intent that asks for these links. */
  readonly isGuarded: boolean;
  /** BIRD was given what that intent asks for, or is gone with the router. */
  readonly isSettled: boolean;
  /** Their policy waits until they are gone. */
  readonly isAwaited: boolean;
  /** Names of the devices there are. */
  readonly present: ReadonlySet<string>;
}

export const linkKinds = ['interface', 'vlan', 'ipsec', 'wireguard'] as const satisfies readonly LinkKind[];

export type LinkKeeper = Readonly<Record<LinkKind, KindState>>;

interface KindState {
  /** What its driver was asked for last; undefined before the first time. */
  readonly asked: readonly LinkIntent[] | undefined;
  /** Whether it was asked to take away all else: until then a predecessor's links may be there. */
  readonly isSwept: boolean;
  /** What the turn under way takes away, or changes; after one that failed, what it may have left. */
  readonly leaving: readonly LinkIntent[];
  readonly reports: readonly LinkReport[];
  readonly isBusy: boolean;
  /** Something was seen to change since the last turn began. */
  readonly isTouched: boolean;
  /** Which of the devices asked for were there when it began. */
  readonly present: readonly string[];
  /** When the last turn ended, in ms. */
  readonly endedAt: number;
  /** Turns in a row with a link that could not be set up. */
  readonly failures: number;
  /** Why the last turn failed as a whole, or did not take away what it should. */
  readonly error: string | undefined;
}

/** One call of a driver. */
export interface Turn {
  readonly kind: LinkKind;
  readonly links: readonly LinkIntent[];
  /** Whether all else goes. */
  readonly sweeps: boolean;
}

/** What status says of a link. */
export interface LinkStatus extends LinkReport {
  /** Inside addresses of the other end. */
  readonly remotes: readonly string[];
}

/** How often links are looked at although no bell rang, in ms: what their daemons count changes without one. */
const lookMs = 15_000;
/** Between two turns of one kind, in ms, however often the bell rings; what fails may ring it itself. */
const restMs = [250, 500, 1000, 2000];
/** Waits after failures in a row, in ms; the last one stays. */
const backoffMs = [1000, 2000, 5000, lookMs];

const untouched: KindState = {
  asked: undefined,
  isSwept: false,
  leaving: [],
  reports: [],
  isBusy: false,
  isTouched: false,
  present: [],
  endedAt: 0,
  failures: 0,
  error: undefined,
};

export const initialLinkKeeper: LinkKeeper = {
  interface: untouched,
  vlan: untouched,
  ipsec: untouched,
  wireguard: untouched,
};

/** `now` in ms, as everywhere here. */
export function dueTurns(keeper: LinkKeeper, demand: LinkDemand, now: number): readonly Turn[] {
  const inventory = takeInventory(keeper);
  return linkKinds.flatMap((kind): Turn[] => {
    const links = goalOf(inventory, keeper[kind], kind, demand);
    const sweeps = keeper[kind].isSwept || demand.isSettled;
    return links && isDue(keeper[kind], links, demand, now) ? [{ kind, links, sweeps }] : [];
  });
}

export function beginTurn(keeper: LinkKeeper, { kind, links, sweeps }: Turn, { present }: LinkDemand): LinkKeeper {
  const leaving = heldOf(keeper[kind]).filter((held) => !links.some((link) => sameValue(link, held)));
  const begun = {
    asked: links,
    isSwept: sweeps,
    leaving,
    isBusy: true,
    isTouched: false,
    present: presentOf(links, present),
  };
  return { ...keeper, [kind]: { ...keeper[kind], ...begun } };
}

/** An error is one of the driver as a whole: whatever was to go may be there still. */
export function endTurn(
  keeper: LinkKeeper,
  { kind, links }: Turn,
  result: Result<readonly LinkReport[], { readonly message: string }>,
  now: number,
): LinkKeeper {
  const state = keeper[kind];
  const ended = { ...state, isBusy: false, endedAt: now };
  if (!result.ok) {
    const { message } = result.error;
    const reports = onePerName([...links, ...state.leaving]).map((link) => unreported(link, 'failed', message));
    return { ...keeper, [kind]: { ...ended, reports, failures: state.failures + 1, error: message } };
  }
  const names = namesOf(links);
  const left = result.value.filter(({ interfaceName }) => !names.has(interfaceName));
  const leaving = state.leaving.filter((link) =>
    left.some(({ interfaceName }) => interfaceName === link.interfaceName),
  );
  const failures = result.value.some(({ state }) => state === 'failed') ? state.failures + 1 : 0;
  const error = left[0] && `${left[0].interfaceName}: ${left[0].reason}`;
  return { ...keeper, [kind]: { ...ended, reports: result.value, failures, leaving, error } };
}

/** A driver's bell rang. */
export function touch(keeper: LinkKeeper, kind: LinkKind): LinkKeeper {
  return { ...keeper, [kind]: { ...keeper[kind], isTouched: true } };
}

/** Every link that is wanted or still there, sorted by interface name. */
export function linkStatuses(keeper: LinkKeeper, demand: LinkDemand): readonly LinkStatus[] {
  const reports = new Map(linkKinds.flatMap((kind) => keeper[kind].reports.map((each) => [each.interfaceName, each])));
  const inventory = takeInventory(keeper);
  const wanted = demand.links.map((link): LinkStatus => {
    const report = reports.get(link.interfaceName);
    const isOwn = report !== undefined && report.kind === link.kind && report.attachment === link.attachment;
    return {
      ...(isOwn ? report : unreported(link, 'down', waitReason(keeper[link.kind], inventory, link, demand))),
      ...remotesOf(link),
    };
  });
  const names = namesOf(demand.links);
  const held = new Map(heldLinks(keeper).map((link) => [link.interfaceName, link]));
  const going = [...reports.values()]
    .filter(({ interfaceName }) => !names.has(interfaceName))
    .map((report): LinkStatus => {
      const link = held.get(report.interfaceName);
      return { ...report, ...(link ? remotesOf(link) : { remotes: [] }) };
    });
  return sortLinks([...wanted, ...going]);
}

/** What still has to happen until every kind was asked for what is wanted, and answered; undefined once that is so. */
export function pendingReason(keeper: LinkKeeper, demand: LinkDemand): string | undefined {
  if (!demand.isGuarded) return 'policy for links is not in the kernel yet';
  if (!demand.isSettled) return 'links wait for BIRD, which is not as wanted yet';
  for (const kind of linkKinds) {
    const { asked, isSwept, isBusy, error } = keeper[kind];
    const wanted = demand.links.filter((link) => link.kind === kind);
    if (error !== undefined) return `links of kind ${kind} cannot be looked after: ${error}`;
    if (isBusy || !isSwept || asked === undefined || !sameItems(asked, wanted, sameValue)) {
      return `links of kind ${kind} are being set up`;
    }
  }
  return undefined;
}

/** What there may be, by name: two hundred tunnels are looked at four times a second. */
interface Inventory {
  /** Which kinds hold a device of that name. */
  readonly holders: ReadonlyMap<string, readonly LinkKind[]>;
  /** Devices that something runs over. */
  readonly underlays: ReadonlySet<string>;
  readonly reported: ReadonlySet<string>;
}

function takeInventory(keeper: LinkKeeper): Inventory {
  const holders = new Map<string, LinkKind[]>();
  const underlays = new Set<string>();
  for (const link of heldLinks(keeper)) {
    holders.set(link.interfaceName, [...(holders.get(link.interfaceName) ?? []), link.kind]);
    const underlay = underlayOf(link);
    if (underlay !== undefined) underlays.add(underlay);
  }
  const reports = linkKinds.flatMap((kind) => keeper[kind].reports);
  return { holders, underlays, reported: new Set(reports.map(({ interfaceName }) => interfaceName)) };
}

/** Undefined where nothing may be asked of the driver yet. */
function goalOf(
  inventory: Inventory,
  { asked }: KindState,
  kind: LinkKind,
  demand: LinkDemand,
): readonly LinkIntent[] | undefined {
  if (!demand.isGuarded) return asked;
  const names = namesOf(demand.links);
  const wanted = demand.links.filter((link) => link.kind === kind && mayCome(inventory, link));
  const mayGo = ({ interfaceName }: LinkIntent): boolean => demand.isSettled && !inventory.underlays.has(interfaceName);
  const staying = (asked ?? []).filter((link) => !names.has(link.interfaceName) && !mayGo(link));
  const links = sortLinks([...wanted, ...staying]);
  // What a predecessor left is known to its driver alone, and goes once its sessions have.
  return asked === undefined && links.length === 0 && !demand.isSettled ? undefined : links;
}

/** A name is given up by one kind before another takes it, and an underlay was looked at before what runs over it. */
function mayCome({ holders, reported }: Inventory, link: LinkIntent): boolean {
  const kinds = holders.get(link.interfaceName) ?? [];
  if (kinds.some((kind) => kind !== link.kind)) return false;
  const underlay = underlayOf(link);
  return underlay === undefined || kinds.length > 0 || reported.has(underlay);
}

function isDue(state: KindState, links: readonly LinkIntent[], demand: LinkDemand, now: number): boolean {
  const { asked, endedAt, failures } = state;
  if (state.isBusy) return false;
  if (asked === undefined || !sameItems(asked, links, sameValue)) return true;
  if (!state.isSwept && demand.isSettled) return true;
  const waited = now - endedAt;
  if (waited < 0) return true; // the clock was put back
  const isTouched = state.isTouched || !sameItems(state.present, presentOf(links, demand.present));
  if (isTouched && waited >= nthWait(restMs, failures)) return true;
  if (failures > 0) return waited >= nthWait(backoffMs, failures - 1);
  return links.length > 0 && waited >= lookMs;
}

/** The last one stays. */
function nthWait(waits: readonly number[], n: number): number {
  return waits[Math.min(n, waits.length - 1)] ?? lookMs;
}

function waitReason(state: KindState, inventory: Inventory, link: LinkIntent, demand: LinkDemand): string {
  if (state.isBusy && isAsked(state, link)) return 'it is being set up';
  if (!demand.isGuarded) return 'policy for it is not in the kernel yet';
  if (mayCome(inventory, link)) return 'it is being set up';
  return underlayOf(link) === undefined ? 'its device is still in use' : `${underlayOf(link)} comes first`;
}

function unreported(link: LinkIntent, state: LinkReport['state'], reason: string): LinkReport {
  const { attachment, interfaceName, kind } = link;
  return { attachment, interfaceName, kind, driver: null, state, reason, mtu: null };
}

function remotesOf({ remotes }: LinkIntent): Pick<LinkStatus, 'remotes'> {
  return { remotes: remotes.map(printAddress) };
}

function underlayOf(link: LinkIntent): string | undefined {
  return link.kind === 'ipsec' || link.kind === 'wireguard' ? link.underlay?.interfaceName : undefined;
}

function isAsked({ asked = [] }: KindState, { interfaceName }: LinkIntent): boolean {
  return asked.some((link) => link.interfaceName === interfaceName);
}

/** What may be there because of this agent. */
function heldOf({ asked = [], leaving }: KindState): readonly LinkIntent[] {
  return [...asked, ...leaving];
}

function heldLinks(keeper: LinkKeeper): readonly LinkIntent[] {
  return linkKinds.flatMap((kind) => heldOf(keeper[kind]));
}

/** The first of each name. */
function onePerName(links: readonly LinkIntent[]): readonly LinkIntent[] {
  const seen = new Set<string>();
  return links.filter(({ interfaceName }) => !seen.has(interfaceName) && seen.add(interfaceName));
}

function namesOf(links: readonly LinkIntent[]): ReadonlySet<string> {
  return new Set(links.map(({ interfaceName }) => interfaceName));
}

function presentOf(links: readonly LinkIntent[], present: ReadonlySet<string>): readonly string[] {
  return links.map(({ interfaceName }) => interfaceName).filter((name) => present.has(name));
}

function sortLinks<L extends { readonly interfaceName: string }>(links: readonly L[]): readonly L[] {
  return [...links].sort((a, b) => (a.interfaceName < b.interfaceName ? -1 : 1));
}

/**
 * Security associations as charon tells of them.
 *
 *   charon → `list-sa` events ─[readAssociations]→ whether a tunnel carries packets, IpsecReport
 *
 * Invariant: a tunnel is up only with an association of both kinds in place: IKE's, and ESP's for its packets. While keys are
 * renewed there are two of a kind; the newest counts.
 */
import type { IpsecReport } from '../link-report.ts';
import { isSection, type ViciSection } from './vici-message.ts';

export interface TunnelAssociations {
  /** Whether packets pass. */
  readonly isUp: boolean;
  /** Whether an attempt to bring it up is under way. */
  readonly isConnecting: boolean;
  readonly report: Omit<IpsecReport, 'certificateUntil'>;
}

const noAssociations: TunnelAssociations = {
  isUp: false,
  isConnecting: false,
  report: {
    local: null,
    remote: null,
    ikeProposal: null,
    espProposal: null,
    isEncapsulated: false,
    establishedFor: null,
    rekeyIn: null,
    received: null,
    sent: null,
  },
};

/** What charon tells when an association comes, goes, or is replaced. */
export const associationEvents = ['ike-updown', 'child-updown'] as const;

const ikeCarries = new Set(['ESTABLISHED', 'REKEYING', 'REKEYED']);
const ikeConnects = new Set(['CREATED', 'CONNECTING']);
const espCarries = new Set(['INSTALLED', 'UPDATING', 'REKEYING', 'REKEYED']);

/** `events`: messages of `list-sa`; of each, sections named as connections are. */
export function readAssociations(events: readonly ViciSection[], connection: string): TunnelAssociations {
  const all = events.map((event) => event[connection]).filter(isSection);
  const carrying = all
    .filter(({ state }) => ikeCarries.has(textOf(state)))
    .flatMap((ike) => childrenOf(ike).map((esp) => ({ ike, esp })))
    .filter(({ esp }) => espCarries.has(textOf(esp['state'])))
    .sort((a, b) => numberOf(b.esp['uniqueid']) - numberOf(a.esp['uniqueid']));
  const isConnecting = all.some(({ state }) => ikeConnects.has(textOf(state)));
  const [newest] = carrying;
  if (newest === undefined) return { ...noAssociations, isConnecting };
  const { ike, esp } = newest;
  return {
    isUp: true,
    isConnecting,
    report: {
      local: endpoint(ike['local-host'], ike['local-port']),
      remote: endpoint(ike['remote-host'], ike['remote-port']),
      ikeProposal: proposalOf(ike),
      espProposal: proposalOf(esp),
      isEncapsulated: esp['encap'] === 'yes',
      establishedFor: countOf(ike['established']),
      rekeyIn: countOf(esp['rekey-time']),
      received: countOf(esp['bytes-in']),
      sent: countOf(esp['bytes-out']),
    },
  };
}

function childrenOf(ike: ViciSection): ViciSection[] {
  const children = ike['child-sas'];
  return isSection(children) ? Object.values(children).filter(isSection) : [];
}

/** As `swanctl --list-sas` prints it: `AES_GCM_16-256/PRF_HMAC_SHA2_384/ECP_384`. */
function proposalOf(association: ViciSection): string {
  const size = textOf(association['encr-keysize']);
  const cipher = `${textOf(association['encr-alg'])}${size === '' ? '' : `-${size}`}`;
  const rest = ['integ-alg', 'prf-alg', 'dh-group'].map((key) => textOf(association[key]));
  return [cipher, ...rest].filter((word) => word !== '').join('/');
}

function endpoint(host: ViciSection[string] | undefined, port: ViciSection[string] | undefined): string {
  const address = textOf(host);
  return `${address.includes(':') ? `[${address}]` : address}:${textOf(port)}`;
}

function textOf(value: ViciSection[string] | undefined): string {
  return typeof value === 'string' ? value : '';
}

function numberOf(value: ViciSection[string] | undefined): number {
  return countOf(value) ?? 0;
}

function countOf(value: ViciSection[string] | undefined): number | null {
  const text = textOf(value);
  return /^\d+$/.test(text) ? Number(text) : null;
}

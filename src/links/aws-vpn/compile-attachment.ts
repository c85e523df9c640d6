/**
 * A VPN connection as an Attachment of ours.
 *
 *   VpnConnection ─[compileAttachment]→ Attachment, the secrets it refers to, what its owner should know
 *
 * Invariant: keys are in `secrets` and nowhere else; equal connections give equal Attachments.
 */
import { families, printAddress } from '../../net/address.ts';
import type { AttachmentBgp, AttachmentSpec, PrefixLimit } from '../../resources/attachment.ts';
import { causewayApiVersion } from '../../resources/kinds.ts';
import type { IpsecLink, IpsecTunnelSpec } from '../../resources/link.ts';
import type { Resource } from '../../resources/resource.ts';
import { err, ok, type Result } from '../../result.ts';
import { type Proposals, printAsked, strongProposals, strongswanProposals } from './proposals.ts';
import type { VpnConnection, VpnTunnel } from './vpn-connection.ts';

export interface ImportChoices {
  readonly name: string;
  readonly router: string;
  readonly site: string;
  /** `file`: as weak as the file asks. */
  readonly proposals: 'strong' | 'file';
  /** Behind a connection without BGP. */
  readonly prefixes: readonly string[];
}

export interface ImportedAttachment {
  readonly attachment: Resource<'Attachment'>;
  /** One for each tunnel, in order. */
  readonly secrets: readonly ImportedSecret[];
  readonly notes: readonly string[];
}

export interface ImportedSecret {
  /** `<name>/<key>` in the folder of secrets. */
  readonly path: string;
  /** Undefined where the file holds none. */
  readonly value: string | undefined;
}

export function compileAttachment(
  connection: VpnConnection,
  choices: ImportChoices,
): Result<ImportedAttachment, readonly string[]> {
  const problems = [...refuseRouting(connection, choices)];
  const proposals = chooseProposals(connection, choices);
  if (proposals === undefined) {
    problems.push('the file asks for algorithms that are not known here: leave out --proposals file');
  }
  if (proposals === undefined || problems.length > 0) return err(problems);
  const { bgp, tunnels } = connection;
  const isTransit = connection.gateway.kind === 'transit';
  const spec: AttachmentSpec = {
    router: choices.router,
    site: choices.site,
    ...(isTransit ? {} : { profile: 'aws-vgw-vpn' }),
    link: { ipsec: compileIpsec(tunnels, proposals, choices.name) },
    ...(bgp
      ? { bgp: compileBgp(bgp, isTransit ? limitedFamilies(tunnels) : []) }
      : { static: { prefixes: choices.prefixes } }),
  };
  return ok({
    attachment: { apiVersion: causewayApiVersion, kind: 'Attachment', metadata: { name: choices.name }, spec },
    secrets: tunnels.map(({ preSharedKey }, i) => ({
      path: `${choices.name}/${secretKey(i)}`,
      value: preSharedKey,
    })),
    notes: [...notesOf(connection, proposals)],
  });
}

function* refuseRouting({ id, bgp }: VpnConnection, { prefixes }: ImportChoices): Iterable<string> {
  if (bgp === undefined && prefixes.length === 0) {
    yield `${id} has no BGP (NoBGPVPNConnection), and the file does not say what lies behind it: name each prefix by --prefix, inside those of the Site, and add the routes of your own side at AWS`;
  }
  if (bgp !== undefined && prefixes.length > 0) yield `${id} has BGP, which tells its prefixes: leave out --prefix`;
}

function chooseProposals(connection: VpnConnection, choices: ImportChoices): readonly Proposals[] | undefined {
  if (choices.proposals === 'strong') return [strongProposals];
  const asked = connection.tunnels.map(({ ike, esp }) => strongswanProposals(ike, esp));
  return asked.includes(undefined) ? undefined : asked.flatMap((one) => one ?? []);
}

function compileIpsec(tunnels: readonly VpnTunnel[], proposals: readonly Proposals[], name: string): IpsecLink {
  const localId = tunnels[0]?.localOutside;
  // AWS knows the customer's end by the address it was given, which behind NAT is on no device of the router.
  const isShared = tunnels.every(({ localOutside }) => localOutside?.bits === localId?.bits);
  const deadPeer = tunnels.flatMap((tunnel) => tunnel.deadPeer ?? []);
  const delay = Math.min(...deadPeer.map(({ interval }) => interval));
  // One question alone would be no chance to answer.
  const timeout = Math.min(...deadPeer.map(({ interval, retries }) => interval * Math.max(2, retries)));
  return {
    ...(localId && isShared ? { localID: printAddress(localId) } : {}),
    ike: { proposals: distinct(proposals.map(({ ike }) => ike)), ...lifetime(tunnels.map(({ ike }) => ike.lifetime)) },
    esp: { proposals: distinct(proposals.map(({ esp }) => esp)), ...lifetime(tunnels.map(({ esp }) => esp.lifetime)) },
    ...(deadPeer.length > 0 ? { dpd: { delay: `${delay}s`, timeout: `${timeout}s` } } : {}),
    tunnels: tunnels.map((tunnel, i) => compileTunnel(tunnel, { name, key: secretKey(i) }, !isShared)),
  };
}

function compileTunnel(
  tunnel: VpnTunnel,
  secretRef: { readonly name: string; readonly key: string },
  saysLocalId: boolean,
): IpsecTunnelSpec {
  const { localOutside, peerOutside, localInside, peerInside } = tunnel;
  return {
    remoteAddress: printAddress(peerOutside),
    ...(saysLocalId && localOutside ? { localID: printAddress(localOutside) } : {}),
    psk: { secretRef },
    addresses: {
      local: [`${printAddress(localInside.address)}/${localInside.length}`],
      remote: [printAddress(peerInside)],
    },
  };
}

/** Families of the sessions, which carry what their own addresses are. */
function limitedFamilies(tunnels: readonly VpnTunnel[]): readonly ('ipv4' | 'ipv6')[] {
  return families
    .filter((family) => tunnels.some(({ peerInside }) => peerInside.family === family))
    .map((family) => `ipv${family}` as const);
}

/** A transit gateway has no profile, so that what it takes and gives at most is written, for these families. */
function compileBgp(bgp: NonNullable<VpnConnection['bgp']>, limited: readonly ('ipv4' | 'ipv6')[]): AttachmentBgp {
  const each = (limit: PrefixLimit) => Object.fromEntries(limited.map((family) => [family, limit]));
  return {
    asNumber: bgp.peerAs,
    localASNumber: bgp.localAs,
    holdTime: `${bgp.holdTime}s`,
    ...(limited.length > 0
      ? {
          maxPrefixes: {
            export: each({ limit: 1000, action: 'block' }),
            receive: each({ limit: 5000, action: 'warn' }),
          },
        }
      : {}),
  };
}

function* notesOf({ tunnels, gateway }: VpnConnection, proposals: readonly Proposals[]): Iterable<string> {
  const asked = distinct(
    tunnels.map(
      ({ ike, esp }) =>
        `IKE ${printAsked(ike)} ${ike.lifetime ?? '?'} s, ESP ${printAsked(esp)} ${esp.lifetime ?? '?'} s`,
    ),
  );
  for (const one of asked) yield `the file asks for ${one}`;
  const written = distinct(proposals.map(({ ike, esp }) => `IKE ${ike}, ESP ${esp}`));
  yield `written is ${written.join('; ')}, always with IKEv2; the tunnel options at AWS must allow it, as they do unless narrowed`;
  if (tunnels.length === 1) {
    yield 'the file has one tunnel: AWS takes each down for maintenance at times, and then nothing carries the traffic';
  }
  if (gateway.kind === 'unknown') {
    yield 'the file does not name the gateway: it is taken for a virtual private one, whose limits are the narrowest';
  }
  if (gateway.kind === 'transit') {
    yield 'the connection ends in a transit gateway, for which there is no profile: its limits on prefixes are written out';
  }
}

function secretKey(index: number): string {
  return `psk-${index + 1}`;
}

/** The shortest that a tunnel has; nothing where none says one, so that the default holds. */
function lifetime(seconds: readonly (number | undefined)[]): { readonly lifetime?: string } {
  const said = seconds.flatMap((one) => one ?? []);
  return said.length === 0 ? {} : { lifetime: `${Math.min(...said)}s` };
}

function distinct(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}

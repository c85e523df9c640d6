/**
 * What resources say about each other: references that lead nowhere, claims that collide, settings without effect.
 *
 *   Snapshot ─[check]→ errors and warnings
 *
 * Invariant: total on any snapshot; each check is close to linear, and equal snapshots give equal lists.
 */
import type { Diagnostic } from './diagnostic.ts';
import { printFieldPath, shownValue } from './document.ts';
import { blocksDistinct, gatewaysDiffer, gatewaysSeeOneGroup, sizesAgree } from './references/aws-gateways.ts';
import { filtersExist, peersHaveAs, peersUncontested, poolsDisjoint } from './references/bgp.ts';
import type { Finding, ReferenceCheck } from './references/finding.ts';
import {
  devicesDistinct,
  devicesUnlisted,
  listenPortsDistinct,
  subnetsDistinct,
  tagsDistinct,
  tagsFixed,
} from './references/links.ts';
import { mirrorsAgree } from './references/mirrored-tunnels.ts';
import { outerEndsFit } from './references/outer-ends.ts';
import {
  configurationsUsed,
  endpointsVisible,
  forwardingSeen,
  interfacesUncontested,
  profilesExist,
  servicesKnown,
  stagedSeen,
  tiersExist,
  untrackedOnWildcard,
} from './references/policy.ts';
import { peeringsCarryNoTransit, rolesFit } from './references/roles.ts';
import {
  attachmentsJoin,
  linkAddressesAgree,
  managementInterfacesExist,
  remotesUncontested,
  routerAddressesDistinct,
  segmentsAgree,
  sitePrefixesDistinct,
  staticInsideSite,
} from './references/topology.ts';
import { tunnelsLeave, underlaysExist, underlaysLead, underlaysNamed } from './references/underlays.ts';
import { wireguardEndsMeet } from './references/wireguard-ends.ts';
import type { Snapshot } from './snapshot.ts';

export const referenceChecks: readonly ReferenceCheck[] = [
  tiersExist,
  profilesExist,
  interfacesUncontested,
  untrackedOnWildcard,
  forwardingSeen,
  servicesKnown,
  endpointsVisible,
  stagedSeen,
  configurationsUsed,
  filtersExist,
  peersHaveAs,
  peersUncontested,
  poolsDisjoint,
  attachmentsJoin,
  segmentsAgree,
  sitePrefixesDistinct,
  staticInsideSite,
  linkAddressesAgree,
  managementInterfacesExist,
  remotesUncontested,
  routerAddressesDistinct,
  tagsDistinct,
  devicesDistinct,
  devicesUnlisted,
  listenPortsDistinct,
  subnetsDistinct,
  outerEndsFit,
  mirrorsAgree,
  wireguardEndsMeet,
  gatewaysDiffer,
  blocksDistinct,
  gatewaysSeeOneGroup,
  sizesAgree,
  underlaysExist,
  underlaysLead,
  underlaysNamed,
  tunnelsLeave,
  rolesFit,
  peeringsCarryNoTransit,
];

export interface References {
  readonly errors: Diagnostic[];
  readonly warnings: Diagnostic[];
  /** Those of the errors that may be mended by objects which are not in this snapshot, but perhaps in a store. */
  readonly missing: Diagnostic[];
}

/** Runs every check. Resources that came from no file have `file` empty and line 0. */
export function checkReferences(snapshot: Snapshot): References {
  const result: References = { errors: [], warnings: [], missing: [] };
  for (const check of referenceChecks) {
    for (const finding of check(snapshot)) {
      const diagnostic = diagnose(snapshot, finding);
      if (finding.severity === 'warning') result.warnings.push(diagnostic);
      else result.errors.push(diagnostic);
      if (finding.severity === 'missing') result.missing.push(diagnostic);
    }
  }
  return result;
}

/** Warnings of what is written over something else: changes that the other end cannot follow. */
export function checkChanges(before: Snapshot, after: Snapshot): Diagnostic[] {
  return [...tagsFixed(before, after)].map((finding) => diagnose(after, finding));
}

function diagnose(snapshot: Snapshot, { resource, path, reason }: Finding): Diagnostic {
  const place = snapshot.locate(resource, path) ?? { file: '', line: 0, column: 0 };
  const { kind, metadata } = resource;
  return {
    ...place,
    kind,
    name: metadata.name,
    field: printFieldPath(path),
    value: shownValue(resource, path),
    reason,
  };
}

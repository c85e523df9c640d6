/**
 * Two Attachments that are the two ends of one WireGuard tunnel, as their inside addresses say, and do not find each other.
 *
 * Outside nothing tells which ends belong together, since one may roam. All of it is a warning: both ends cannot always be changed
 * in one step.
 */
import { parseAddress, printAddress } from '../../net/address.ts';
import type { WireguardLink } from '../link.ts';
import { linkPaths } from '../link-paths.ts';
import type { Resource } from '../resource.ts';
import type { Snapshot } from '../snapshot.ts';
import { wireguardDefaults } from '../tunnel-defaults.ts';
import { type Finding, type ReferenceCheck, warning } from './finding.ts';

interface End {
  readonly attachment: Resource<'Attachment'>;
  readonly link: WireguardLink;
  /** Inside, as printed. */
  readonly local: readonly string[];
  readonly remote: readonly string[];
}

export const wireguardEndsMeet: ReferenceCheck = function* (snapshot) {
  const ends = endsOf(snapshot);
  const byLocal = new Map<string, End[]>();
  for (const end of ends) {
    for (const address of end.local) byLocal.set(address, [...(byLocal.get(address) ?? []), end]);
  }
  const otherOf = (end: End): End | undefined => {
    const named = new Set(end.remote.flatMap((address) => byLocal.get(address) ?? []));
    const [other, another] = [...named].filter((one) => isOtherEnd(end, one));
    return another ? undefined : other;
  };
  for (const end of ends) {
    const other = otherOf(end);
    // Where several use the same addresses, which belong together is not known.
    if (other && otherOf(other) === end) yield* compare(end, other);
  }
};

function isOtherEnd(end: End, other: End): boolean {
  return (
    end.attachment.spec.router !== other.attachment.spec.router &&
    other.remote.some((address) => end.local.includes(address))
  );
}

function* compare({ attachment, link }: End, other: End): Iterable<Finding> {
  const whose = `Attachment ${other.attachment.metadata.name} (Router ${other.attachment.spec.router})`;
  const path = ['spec', 'link', 'wireguard'];
  if (link.endpoint === undefined) {
    if (other.link.endpoint !== undefined) return;
    yield warning(
      attachment,
      path,
      `neither this end nor ${whose} knows where the other is: write endpoint at one of them`,
    );
    return;
  }
  const port = Number(link.endpoint.slice(link.endpoint.lastIndexOf(':') + 1));
  const listens = other.link.listenPort ?? wireguardDefaults.listenPort;
  if (port === listens) return;
  const reason = `${whose} listens at UDP port ${listens}, not ${port}: correct one of the two, unless a NAT between them changes it`;
  yield warning(attachment, [...path, 'endpoint'], reason);
}

function endsOf(snapshot: Snapshot): readonly End[] {
  return snapshot.list('Attachment').flatMap((attachment): End[] => {
    const link = attachment.spec.link.wireguard;
    if (!link) return [];
    const paths = linkPaths(attachment);
    return [
      {
        attachment,
        link,
        local: paths.flatMap(({ local }) => local.flatMap((text) => printed(text.split('/', 1)[0] ?? ''))),
        remote: paths.flatMap(({ remote }) => remote.flatMap(printed)),
      },
    ];
  });
}

function printed(text: string): readonly string[] {
  const address = parseAddress(text);
  return address ? [printAddress(address)] : [];
}

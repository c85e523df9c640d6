/**
 * Two Attachments that are the two ends of one tunnel, as their outside addresses and ports say, and contradict each other.
 *
 * All of it is a warning: both ends cannot always be changed in one step.
 */
import { parseAddress, printAddress } from '../../net/address.ts';
import { linkPaths } from '../link-paths.ts';
import type { FieldPath, Resource } from '../resource.ts';
import type { Snapshot } from '../snapshot.ts';
import { type Finding, type ReferenceCheck, warning } from './finding.ts';

interface End {
  readonly attachment: Resource<'Attachment'>;
  /** Of this end, and of the other one as it would say it. */
  readonly key: string;
  readonly mirrored: string;
  readonly local: readonly string[];
  readonly remote: readonly string[];
  readonly initiates: boolean;
  readonly path: FieldPath;
  readonly at: FieldPath;
}

export const mirrorsAgree: ReferenceCheck = function* (snapshot) {
  const ends = endsOf(snapshot);
  const byKey = new Map<string, End[]>();
  for (const end of ends) byKey.set(end.key, [...(byKey.get(end.key) ?? []), end]);
  for (const end of ends) {
    const others = byKey.get(end.mirrored) ?? [];
    const [other] = others;
    // Where several look alike from outside, which belongs to which is not known.
    if (!other || others.length > 1 || (byKey.get(end.key) ?? []).length > 1) continue;
    yield* compare(end, other);
  }
};

function* compare(end: End, other: End): Iterable<Finding> {
  const whose = `Attachment ${other.attachment.metadata.name} (Router ${other.attachment.spec.router})`;
  const theirs = other.local.map((text) => text.slice(0, text.indexOf('/')));
  const missing = end.remote.findIndex((address) => !theirs.some((one) => isSame(one, address)));
  if (missing >= 0 && theirs.length > 0) {
    const reason = `is not inside the other end, ${whose}, which has ${other.local.join(', ')}: correct one of the two`;
    yield warning(end.attachment, [...end.at, 'remote', missing], reason);
  }
  if (!end.initiates && !other.initiates) {
    yield warning(
      end.attachment,
      [...end.path, 'initiate'],
      `neither this end nor ${whose} opens the tunnel: let one of them initiate it`,
    );
  }
}

function isSame(a: string, b: string): boolean {
  const [one, other] = [parseAddress(a), parseAddress(b)];
  return one !== undefined && other !== undefined && printAddress(one) === printAddress(other);
}

function endsOf(snapshot: Snapshot): readonly End[] {
  return snapshot.list('Attachment').flatMap((attachment) => {
    const { ipsec } = attachment.spec.link;
    const paths = linkPaths(attachment);
    return (ipsec?.tunnels ?? []).flatMap((tunnel, i): End[] => {
      const local = parseAddress(tunnel.localAddress ?? ipsec?.localAddress ?? '');
      const remote = parseAddress(tunnel.remoteAddress);
      const path = paths[i];
      if (!local || !remote || !path) return [];
      const here = [printAddress(local), tunnel.localPort ?? 0];
      const there = [printAddress(remote), tunnel.remotePort ?? 0];
      return [
        {
          attachment,
          key: JSON.stringify([here, there]),
          mirrored: JSON.stringify([there, here]),
          local: path.local,
          remote: path.remote,
          initiates: ipsec?.initiate ?? true,
          path: ['spec', 'link', 'ipsec'],
          at: path.at,
        },
      ];
    });
  });
}

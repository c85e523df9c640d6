/**
 * The inside addresses that nobody wrote, said in lines: whoever configures the other end has to know them.
 */
import { hasDerivedInside } from '../resources/inside-defaults.ts';
import { linkPaths } from '../resources/link-paths.ts';
import type { Snapshot } from '../resources/snapshot.ts';

const mostLines = 10;

/** One line for each tunnel, up to ten. */
export function printDerivedInsides(snapshot: Snapshot): string[] {
  const lines = snapshot.list('Attachment').flatMap((attachment) => {
    const { link, router } = attachment.spec;
    const paths = linkPaths(attachment);
    return (link.ipsec?.tunnels ?? []).flatMap((tunnel, i) => {
      const path = paths[i];
      if (!path || !hasDerivedInside(tunnel, link.ipsec?.localAddress)) return [];
      const ends = `${path.local.join(', ')} on ${router}, ${path.remote.join(', ')} at the other end`;
      return [`inside of tunnel ${path.interfaceName} (Attachment ${attachment.metadata.name}): ${ends}`];
    });
  });
  const more = lines.length - mostLines;
  return more > 0
    ? [...lines.slice(0, mostLines), `inside of ${more} more tunnels: causeway get attachments -o yaml`]
    : lines;
}

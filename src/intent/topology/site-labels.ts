/**
 * The labels that everything of a Site carries without anyone writing them.
 *
 *   Site ─[siteLabels]→ labels of its prefixes (intent/labels) and of its Attachments' HostEndpoints
 *
 * Invariant: written labels cannot forge them: they are laid over whatever was written.
 */
import type { Labels, Resource } from '../../resources/resource.ts';

/** `causeway.dev/site`, `causeway.dev/site-type`, `causeway.dev/segment`; the last is empty in the unnamed segment. */
export function siteLabels(site: Resource<'Site'>): Labels {
  return {
    'causeway.dev/site': site.metadata.name,
    'causeway.dev/site-type': site.spec.type,
    'causeway.dev/segment': site.spec.segment ?? '',
  };
}

/**
 * References of our own kinds: Router, Site, Attachment, Segment, Assertion.
 */
import { maskAddress, networkAddress, type Prefix, parsePrefix, printPrefix } from '../../net/prefix.ts';
import { linkPaths } from '../link-paths.ts';
import type { Resource } from '../resource.ts';
import { error, missing, namesOf, type ReferenceCheck, warning } from './finding.ts';

export const attachmentsJoin: ReferenceCheck = function* (snapshot) {
  const routers = namesOf(snapshot.list('Router'));
  const sites = namesOf(snapshot.list('Site'));
  for (const attachment of snapshot.list('Attachment')) {
    const { router, site } = attachment.spec;
    if (!routers.has(router))
      yield missing(attachment, ['spec', 'router'], `Router ${router} does not exist: create it, or correct the name`);
    if (!sites.has(site))
      yield missing(attachment, ['spec', 'site'], `Site ${site} does not exist: create it, or correct the name`);
  }
  for (const assertion of snapshot.list('Assertion')) {
    const { from, to, via } = assertion.spec;
    for (const [field, end] of [
      ['from', from],
      ['to', to],
    ] as const) {
      if (end.site !== undefined && !sites.has(end.site))
        yield missing(
          assertion,
          ['spec', field, 'site'],
          `Site ${end.site} does not exist: create it, or correct the name`,
        );
    }
    if (via !== undefined && !routers.has(via))
      yield missing(assertion, ['spec', 'via'], `Router ${via} does not exist: create it, or correct the name`);
  }
};

/** Segments exchange routes only when each names the other. */
export const segmentsAgree: ReferenceCheck = function* (snapshot) {
  const segments = new Map(
    snapshot.list('Segment').map((segment) => [segment.metadata.name, new Set(segment.spec.exchangeWith)]),
  );
  for (const site of snapshot.list('Site')) {
    const { segment } = site.spec;
    if (segment !== undefined && !segments.has(segment))
      yield missing(site, ['spec', 'segment'], `Segment ${segment} does not exist: create it, or correct the name`);
  }
  for (const segment of snapshot.list('Segment')) {
    const own = segment.metadata.name;
    for (const [index, other] of (segment.spec.exchangeWith ?? []).entries()) {
      const path = ['spec', 'exchangeWith', index];
      const theirs = segments.get(other);
      if (other === own)
        yield warning(segment, path, 'a segment exchanges routes within itself anyway: remove its own name');
      else if (!theirs) yield missing(segment, path, `Segment ${other} does not exist: create it, or correct the name`);
      else if (!theirs.has(own))
        yield warning(
          segment,
          path,
          `nothing is exchanged, because Segment ${other} does not name ${own}: add it there too`,
        );
    }
  }
};

/** One prefix in two segments is ambiguous: which site it means depends on who looks. */
export const sitePrefixesDistinct: ReferenceCheck = function* (snapshot) {
  const owners = new Map<string, Resource<'Site'>>();
  for (const site of snapshot.list('Site')) {
    for (const [index, prefix] of (site.spec.prefixes ?? []).entries()) {
      const owner = owners.get(canonical(prefix));
      if (!owner) owners.set(canonical(prefix), site);
      else if (owner.spec.segment !== site.spec.segment) {
        yield warning(
          site,
          ['spec', 'prefixes', index],
          `${prefix} belongs to Site ${owner.metadata.name} in another segment too: give each site its own prefixes`,
        );
      }
    }
  }
};

function canonical(prefix: string): string {
  const parsed = parsePrefix(prefix);
  return parsed ? printPrefix(parsed) : prefix;
}

/** Static prefixes must lie inside those of the site, which bound what may be reached through it. */
export const staticInsideSite: ReferenceCheck = function* (snapshot) {
  const prefixesOf = new Map(
    snapshot.list('Site').map((site) => [site.metadata.name, new Set((site.spec.prefixes ?? []).map(canonical))]),
  );
  for (const attachment of snapshot.list('Attachment')) {
    const allowed = prefixesOf.get(attachment.spec.site);
    if (!allowed) continue;
    for (const [index, text] of (attachment.spec.static?.prefixes ?? []).entries()) {
      const prefix = parsePrefix(text);
      if (!prefix || isInside(prefix, allowed)) continue;
      yield error(
        attachment,
        ['spec', 'static', 'prefixes', index],
        `${text} is outside the prefixes of Site ${attachment.spec.site}: add it there, or remove it here`,
      );
    }
  }
};

function isInside(prefix: Prefix, allowed: ReadonlySet<string>): boolean {
  for (let length = prefix.length; length >= 0; length--) {
    if (allowed.has(printPrefix(maskAddress(networkAddress(prefix), length)))) return true;
  }
  return false;
}

/** Where a Router lists the interface of an attachment with addresses, the attachment's are among them. */
export const linkAddressesAgree: ReferenceCheck = function* (snapshot) {
  const routers = new Map(snapshot.list('Router').map((router) => [router.metadata.name, router]));
  for (const attachment of snapshot.list('Attachment')) {
    const { link, addresses, router } = attachment.spec;
    const used = link.interface?.name;
    const listed = routers.get(router)?.spec.interfaces?.find((entry) => entry.name === used)?.addresses;
    if (used === undefined || listed === undefined) continue;
    for (const [index, address] of (addresses?.local ?? []).entries()) {
      if (listed.includes(address)) continue;
      yield warning(
        attachment,
        ['spec', 'addresses', 'local', index],
        `${address} is not on interface ${used} of Router ${router} (${listed.join(', ')}): correct one of them`,
      );
    }
  }
};

/** Management over an interface that the router does not have locks its administrators out. */
export const managementInterfacesExist: ReferenceCheck = function* (snapshot) {
  const linked = new Map<string, string[]>();
  for (const attachment of snapshot.list('Attachment')) {
    const { router } = attachment.spec;
    const names = linkPaths(attachment).map(({ interfaceName }) => interfaceName);
    linked.set(router, [...(linked.get(router) ?? []), ...names]);
  }
  for (const router of snapshot.list('Router')) {
    const listed = (router.spec.interfaces ?? []).map((entry) => entry.name);
    const known = ['lo', ...listed, ...(linked.get(router.metadata.name) ?? [])];
    for (const [index, used] of (router.spec.management?.interfaces ?? []).entries()) {
      if (known.includes(used)) continue;
      yield warning(
        router,
        ['spec', 'management', 'interfaces', index],
        `${used} is neither among the interfaces of this router nor the link of an Attachment: list it, or write one of ${known.slice(1).join(', ')}`,
      );
    }
  }
};

/** Two attachments of a router cannot both own the session with one peer, nor two tunnels of one. */
export const remotesUncontested: ReferenceCheck = function* (snapshot) {
  const owners = new Map<string, Resource<'Attachment'>>();
  for (const attachment of snapshot.list('Attachment')) {
    for (const { remote, at } of linkPaths(attachment)) {
      for (const [index, address] of remote.entries()) {
        const key = `${attachment.spec.router} ${address}`;
        const owner = owners.get(key);
        if (!owner) owners.set(key, attachment);
        else
          yield error(
            attachment,
            [...at, 'remote', index],
            `${address} is the peer of Attachment ${owner.metadata.name} on Router ${attachment.spec.router} already: a peer has one attachment`,
          );
      }
    }
  }
};

/** An address can be on one router only. */
export const routerAddressesDistinct: ReferenceCheck = function* (snapshot) {
  const owners = new Map<string, string>();
  for (const router of snapshot.list('Router')) {
    for (const [i, entry] of (router.spec.interfaces ?? []).entries()) {
      for (const [j, address] of (entry.addresses ?? []).entries()) {
        const bare = address.slice(0, address.indexOf('/'));
        const owner = owners.get(bare);
        if (owner === undefined) owners.set(bare, router.metadata.name);
        else if (owner !== router.metadata.name)
          yield error(
            router,
            ['spec', 'interfaces', i, 'addresses', j],
            `${bare} is an address of Router ${owner} too: an address belongs to one router`,
          );
      }
    }
  }
};

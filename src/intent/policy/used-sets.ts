/**
 * The sets one resolution of policy uses: registered in the index when first asked for, forgotten when no longer used.
 *
 *   Selector ─[UsedSets]→ SetId;  LabelIndex → addressSets, portSets of PolicyIntent
 *
 * Invariant: a set's id is made from its selector's canonical text, so equal selectors share one set, and a set survives
 * from one resolution to the next with its members and its place in the kernel.
 */
import { contentHash } from '../../net/content-hash.ts';
import { printSelector } from '../../resources/selector/print.ts';
import type { Selector } from '../../resources/selector/selector.ts';
import type { LabelIndex, PortQuery } from '../labels/label-index.ts';
import { servicePort, serviceSelector } from '../labels/services.ts';
import type { PolicyIntent, SetId } from './policy-intent.ts';

export interface UsedSets {
  addressSet(selector: Selector): SetId;
  portSet(selector: Selector, port: PortQuery): SetId;
  /** The endpoints of a Service, `namespace/name`, without and with its ports. */
  serviceAddresses(service: string): SetId;
  servicePorts(service: string): SetId;
  /** Of the sets asked for so far. */
  ids(): ReadonlySet<SetId>;
  /** Members are the index's own live maps. Sets of the index that were not asked for are forgotten. */
  finish(): Pick<PolicyIntent, 'addressSets' | 'portSets'>;
}

export function makeUsedSets(index: LabelIndex): UsedSets {
  const addresses = new Map<SetId, string>();
  const ports = new Map<SetId, string>();
  const byText = new Map<string, SetId>();
  return {
    addressSet: (selector) => {
      const text = printSelector(selector);
      const known = byText.get(text);
      if (known !== undefined) return known;
      const id = `s:${contentHash(text)}`;
      byText.set(text, id);
      addresses.set(id, text);
      index.addSelector(id, selector);
      return id;
    },
    portSet: (selector, port) => {
      const text = `${port.name} of ${printSelector(selector)}`;
      const id = `p:${contentHash(`${port.protocol ?? 'any'} ${text}`)}`;
      ports.set(id, text);
      index.addPortSet(id, selector, port);
      return id;
    },
    serviceAddresses: (service) => {
      const text = `Service ${service}`;
      const id = `s:${contentHash(text)}`;
      addresses.set(id, text);
      index.addSelector(id, serviceSelector(service));
      return id;
    },
    servicePorts: (service) => {
      const text = `ports of Service ${service}`;
      const id = `p:${contentHash(text)}`;
      ports.set(id, text);
      index.addPortSet(id, serviceSelector(service), servicePort);
      return id;
    },
    ids: () => new Set([...addresses.keys(), ...ports.keys()]),
    finish: () => {
      for (const id of index.setIds()) if (!addresses.has(id) && !ports.has(id)) index.removeSelector(id);
      return {
        addressSets: sortedMap(addresses, (id, selector) => ({ id, selector, members: index.members(id) })),
        portSets: sortedMap(ports, (id, selector) => ({ id, selector, members: index.portMembers(id) })),
      };
    },
  };
}

function sortedMap<T>(texts: ReadonlyMap<SetId, string>, make: (id: SetId, text: string) => T): Map<SetId, T> {
  const sorted = [...texts].sort(([a], [b]) => (a < b ? -1 : 1));
  return new Map(sorted.map(([id, text]) => [id, make(id, text)]));
}

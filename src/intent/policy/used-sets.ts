/**
 * The sets that policy uses: registered in the index when first asked for, forgotten when nothing uses them any more.
 *
 *   Selector ─[UsedSets]→ SetId;  LabelIndex → addressSets, portSets of PolicyIntent
 *
 * Invariant: a set's id is made from its selector's canonical text, so equal selectors share one set, and a set survives
 * from one resolution to the next with its members and its place in the kernel. A class, because it counts uses.
 */
import { contentHash } from '../../net/content-hash.ts';
import { printSelector } from '../../resources/selector/print.ts';
import type { Selector } from '../../resources/selector/selector.ts';
import type { LabelIndex, PortQuery } from '../labels/label-index.ts';
import { servicePort, serviceSelector } from '../labels/services.ts';
import type { AddressSet, PolicyIntent, PortSet, SetId } from './policy-intent.ts';

export interface UsedSets {
  addressSet(selector: Selector): SetId;
  portSet(selector: Selector, port: PortQuery): SetId;
  /** The endpoints of a Service, `namespace/name`, without and with its ports. */
  serviceAddresses(service: string): SetId;
  servicePorts(service: string): SetId;
}

type Sets = Pick<PolicyIntent, 'addressSets' | 'portSets'>;

interface Counted {
  readonly text: string;
  readonly set: AddressSet | PortSet;
  uses: number;
}

export class CountedSets {
  private readonly index: LabelIndex;
  private readonly addresses = new Map<SetId, Counted>();
  private readonly ports = new Map<SetId, Counted>();
  /** By what the id is made from. */
  private readonly ids = new Map<string, SetId>();
  private readonly unused = new Set<SetId>();
  private sorted: Sets | undefined;

  constructor(index: LabelIndex) {
    this.index = index;
  }

  /** Sets to ask for; each that is asked for is added to `held`, once, and stays until it is released. */
  holding(held: Set<SetId>): UsedSets {
    const addresses = (text: string, selector: () => Selector): SetId => {
      const id = this.idOf('s', text);
      if (!this.addresses.has(id)) {
        this.index.addSelector(id, selector());
        this.add(this.addresses, id, text, {
          id,
          selector: text,
          members: this.index.members(id),
          networks: this.index.networks(id),
        });
      }
      return this.hold(this.addresses, id, held);
    };
    const ports = (key: string, text: string, selector: () => Selector, port: PortQuery): SetId => {
      const id = this.idOf('p', key);
      if (!this.ports.has(id)) {
        this.index.addPortSet(id, selector(), port);
        this.add(this.ports, id, key, {
          id,
          selector: text,
          members: this.index.portMembers(id),
          networks: this.index.portNetworks(id),
        });
      }
      return this.hold(this.ports, id, held);
    };
    return {
      addressSet: (selector) => addresses(printSelector(selector), () => selector),
      portSet: (selector, port) => {
        const text = `${port.name} of ${printSelector(selector)}`;
        return ports(`${port.protocol ?? 'any'} ${text}`, text, () => selector, port);
      },
      serviceAddresses: (service) => addresses(`Service ${service}`, () => serviceSelector(service)),
      servicePorts: (service) => {
        const text = `ports of Service ${service}`;
        return ports(text, text, () => serviceSelector(service), servicePort);
      },
    };
  }

  release(held: Iterable<SetId>): void {
    for (const id of held) {
      const counted = this.addresses.get(id) ?? this.ports.get(id);
      if (counted && --counted.uses === 0) this.unused.add(id);
    }
  }

  /** All sets held, by id; members are the index's own live maps. Sets of the index that nothing holds are forgotten. */
  finish(): Sets {
    for (const id of this.sorted ? this.unused : this.index.setIds()) {
      const counted = this.addresses.get(id) ?? this.ports.get(id);
      if (counted && counted.uses > 0) continue;
      this.index.removeSelector(id);
      if (!counted) continue;
      this.ids.delete(`${id.slice(0, 1)}:${counted.text}`);
      this.addresses.delete(id);
      this.ports.delete(id);
      this.sorted = undefined;
    }
    this.unused.clear();
    this.sorted ??= {
      addressSets: sortedSets(this.addresses) as ReadonlyMap<SetId, AddressSet>,
      portSets: sortedSets(this.ports) as ReadonlyMap<SetId, PortSet>,
    };
    return this.sorted;
  }

  private idOf(letter: 's' | 'p', text: string): SetId {
    const key = `${letter}:${text}`;
    const known = this.ids.get(key);
    if (known !== undefined) return known;
    const id = `${letter}:${contentHash(text)}`;
    this.ids.set(key, id);
    return id;
  }

  private add(sets: Map<SetId, Counted>, id: SetId, text: string, set: AddressSet | PortSet): void {
    sets.set(id, { text, set, uses: 0 });
    this.unused.add(id);
    this.sorted = undefined;
  }

  private hold(sets: ReadonlyMap<SetId, Counted>, id: SetId, held: Set<SetId>): SetId {
    const counted = sets.get(id);
    if (counted && !held.has(id)) {
      counted.uses++;
      this.unused.delete(id);
      held.add(id);
    }
    return id;
  }
}

function sortedSets(sets: ReadonlyMap<SetId, Counted>): ReadonlyMap<SetId, AddressSet | PortSet> {
  const ids = [...sets.keys()].sort();
  return new Map(ids.map((id) => [id, (sets.get(id) as Counted).set]));
}

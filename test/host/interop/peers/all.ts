/** Every program the hub is tried with, by name. */
import type { MakePeer, PeerName } from '../peer.ts';
import { makeBird } from './bird.ts';
import { makeExabgp } from './exabgp.ts';
import { makeFrr } from './frr.ts';
import { makeGobgp } from './gobgp.ts';
import { makeOpenbgpd } from './openbgpd.ts';

export const makers: Readonly<Record<PeerName, MakePeer>> = {
  frr: makeFrr,
  gobgp: makeGobgp,
  exabgp: makeExabgp,
  openbgpd: makeOpenbgpd,
  bird: makeBird,
};

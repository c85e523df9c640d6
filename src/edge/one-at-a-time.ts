/**
 * Work that must not meet other work: each begins when the one before it has ended, however that ended.
 */

export type InTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** A turn resolves and rejects as its work does, which is no concern of the next one. */
export function oneAtATime(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };
}

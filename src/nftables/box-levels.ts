/**
 * Which boxes stand at which level of an arrangement, and what they say.
 *
 *   placed boxes ─[add]→ BoxLevels ─[firstFor]→ the first level that a rule may go to
 *
 * Invariant: at that level and behind it nothing stands that was placed before, overlaps the rule's boxes and says something
 * else, but for boxes of the rule's own condition at that very level. A class, because it follows boxes as they are placed.
 */
import type { RuleAction } from './block.ts';
import type { Box } from './box.ts';
import { OverlapIndex } from './overlap-index.ts';

const actions: readonly RuleAction[] = ['Allow', 'Deny', 'Pass', 'Log'];

/** How many levels back a rule may move ahead of others; bounds the work on rules that overlap without end. */
const levelsSearched = 48;

/** The boxes of a level by what their rules say; each with its condition. */
type LevelIndex = { readonly [A in RuleAction]: OverlapIndex<string> };

export class BoxLevels {
  readonly #isMixed: boolean;
  readonly #levels: LevelIndex[] = [];
  #count = 0;

  /** `isMixed`: whether rules say different things. Otherwise any may overtake any, and nothing is remembered. */
  constructor(isMixed: boolean) {
    this.#isMixed = isMixed;
  }

  /** Boxes that are remembered. */
  get count(): number {
    return this.#count;
  }

  add(level: number, action: RuleAction, box: Box, condition: string): void {
    if (!this.#isMixed) return;
    this.#at(level)[action].add(box, condition);
    this.#count++;
  }

  /** `condition`: of which the same level will do, since what overlaps there is cut off; undefined where nothing is. */
  firstFor(action: RuleAction, boxes: readonly Box[], condition: string | undefined): number {
    const lowest = Math.max(0, this.#levels.length - levelsSearched);
    for (let level = this.#levels.length - 1; level >= lowest; level--) {
      const index = this.#at(level);
      let isSameCondition = false;
      const isBlocked = actions.some(
        (other) =>
          other !== action &&
          boxes.some((box) =>
            index[other].visit(box, (placed) => {
              if (placed !== condition) return true;
              isSameCondition = true;
              return false;
            }),
          ),
      );
      if (isBlocked) return level + 1;
      if (isSameCondition) return level;
    }
    return lowest;
  }

  #at(level: number): LevelIndex {
    while (this.#levels.length <= level) {
      this.#levels.push({
        Allow: new OverlapIndex(),
        Deny: new OverlapIndex(),
        Pass: new OverlapIndex(),
        Log: new OverlapIndex(),
      });
    }
    return this.#levels[level] as LevelIndex;
  }
}

// The keys that are read most, tier by tier, from the reads that stand for all.
import { HotKeys } from '../observe/index.ts'
import { HOT_EVERY } from './recorder.ts'

const MOST_TIERS = 4
const KEYS = 1024
/** Of a longer key, so much is told. */
const LONGEST = 512

export class HotTiers {
  readonly #tiers = new Map<string, HotKeys>()

  note(tier: string, key: string, namespace: string): void {
    let keys = this.#tiers.get(tier)
    if (keys === undefined) {
      if (this.#tiers.size === MOST_TIERS) return
      keys = new HotKeys(KEYS)
      this.#tiers.set(tier, keys)
    }
    const told = key.length > LONGEST ? `${key.slice(0, LONGEST)}…` : key
    keys.add(namespace === 'default' ? told : `${namespace} ${told}`, HOT_EVERY)
  }

  /** Hottest first; counts are estimates. */
  top(limit: number): { readonly tier: string; readonly keys: ReturnType<HotKeys['top']> }[] {
    return [...this.#tiers].map(([tier, keys]) => ({ tier, keys: keys.top(limit) }))
  }
}

// Recent lines of a region's own ledger, as seen by this process: enough to tell how new an entry of another region is
// here.
import type { Line, Position } from '../../core/ledger.ts'
import { relayOf } from '../../core/relay.ts'
import { storageName } from '../../wrap/storage-name.ts'

type Told = Pick<Line, 'seq' | 'targets' | 'id'>

const MOST = 2000

export class History {
  readonly #namespace: string
  readonly #lines = new Map<number, Told>()
  #epoch: string | undefined

  /** @param namespace the prefix of its storage keys */
  constructor(namespace: string) {
    this.#namespace = namespace
  }

  note(epoch: string, line: Told): void {
    if (epoch !== this.#epoch) this.#lines.clear()
    this.#epoch = epoch
    this.#lines.set(line.seq, line)
    for (const oldest of this.#lines.keys()) {
      if (this.#lines.size <= MOST) break
      this.#lines.delete(oldest)
    }
  }

  /**
   * Up to which position nothing here invalidates an entry of another region that is valid here as of `from`: what that
   * region itself had recorded up to the entry's own number is included in the entry, and other keys do not concern it.
   * Lines that name tags or patterns may.
   */
  carry(key: string, from: Position, region: string, asOf: Position): Position {
    if (from.epoch !== this.#epoch) return from
    let { seq } = from
    for (
      let line = this.#lines.get(seq + 1);
      line !== undefined && this.#isBeside(line, key, region, asOf);
      line = this.#lines.get(seq + 1)
    )
      seq++
    return { epoch: from.epoch, seq }
  }

  #isBeside({ id, targets }: Told, key: string, region: string, asOf: Position): boolean {
    const relay = relayOf(id)
    if (relay?.region === region && relay.epoch === asOf.epoch && relay.seq <= asOf.seq) return true
    return targets.every((target) => target.kind === 'key' && storageName(this.#namespace, target.key) !== key)
  }
}

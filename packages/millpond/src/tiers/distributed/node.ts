// A node of the ring: its tier behind a guard of its own, known to be there or away at every moment.
//
// While it is away no caller is sent to it: it is tried from beside. When it is back it is doubted for a while: it may
// have been emptied, or hold what was written before it went, so its answers are compared with those of another copy.
import type { Clock, Tier } from '../../core/contracts.ts'
import { reasonOf } from '../../core/errors.ts'
import type { BreakerOptions } from '../../wrap/breaker.ts'
import { type GuardedTier, guardTier } from '../../wrap/guard.ts'
import { whole } from '../whole.ts'
import type { NodeCounts } from './counts.ts'
import type { Member } from './options.ts'
import type { Placed } from './rendezvous.ts'

export interface NodeParts {
  readonly timeoutMs: number
  readonly breaker: BreakerOptions
  readonly clock: Clock
  readonly onDown: (node: RingNode, error: unknown) => void
  /** It answers again. */
  readonly onUp: (node: RingNode) => void
}

/** Nobody's key: what a node that is away is asked for. */
const PROBE = 'millpond:ring:probe'
/** For so long a node that was away is doubted. */
const DOUBT_MS = 300_000

export class RingNode implements Placed {
  readonly name: string
  weight: number
  readonly tier: Tier
  readonly guarded: GuardedTier
  readonly counts: NodeCounts = {
    reads: 0,
    failures: 0,
    repaired: 0,
    handedOver: 0,
    hintsDropped: 0,
    movedIn: 0,
    movedOut: 0,
  }
  readonly #clock: Clock
  /** Monotonic milliseconds. */
  #doubtedAt: number | undefined
  #lastError: unknown
  #cancelProbe = (): void => {}
  #isProbed = false
  #isClosed = false

  constructor({ name, tier, weight }: Member, { timeoutMs, breaker, clock, onDown, onUp }: NodeParts) {
    this.name = name
    this.weight = weight
    this.tier = tier
    this.#clock = clock
    let wasDown = false
    this.guarded = guardTier(whole(tier), { id: name, timeoutMs, breaker }, clock, {
      onError: (_tier, _verb, error) => {
        this.#lastError = error
        if (!this.#isProbed) this.counts.failures++
      },
      onState: (_tier, state) => {
        if (state === 'open') {
          this.#probeLater(breaker.openMs ?? 500)
          if (!wasDown) onDown(this, this.#lastError)
          wasDown = true
        } else if (state === 'closed' && wasDown) {
          wasDown = false
          this.doubt()
          onUp(this)
        }
      },
      onTimed: () => {},
    })
  }

  /** Callers are sent to it. */
  get isUp(): boolean {
    return this.guarded.state === 'closed'
  }

  get isDoubted(): boolean {
    return this.#doubtedAt !== undefined && this.#clock.monotonic() - this.#doubtedAt < DOUBT_MS
  }

  /** What failed last, for who is told that it did. */
  get trouble(): string {
    return this.#lastError === undefined ? `${this.name}: is away` : reasonOf(this.#lastError)
  }

  doubt(): void {
    this.#doubtedAt = this.#clock.monotonic()
  }

  /** All that it should hold has been compared with the other copies, beginning at this time. */
  trust(since: number): void {
    if (this.#doubtedAt !== undefined && this.#doubtedAt <= since) this.#doubtedAt = undefined
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelProbe()
    await this.tier.close()
  }

  #probeLater(ms: number): void {
    this.#cancelProbe()
    if (this.#isClosed) return
    this.#cancelProbe = this.#clock.after(Math.ceil(ms) + 1, () => void this.#probe(ms))
  }

  /**
   * Whether it answers decides. The guard does not let it through where commands have failed later than that which
   * opened it: then it is tried once more.
   */
  async #probe(ms: number): Promise<void> {
    this.#isProbed = true
    const probed = await this.guarded.read([PROBE])
    this.#isProbed = false
    if (!probed.ok && !this.isUp) this.#probeLater(ms)
  }
}

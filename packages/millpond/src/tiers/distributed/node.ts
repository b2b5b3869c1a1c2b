// A node of the ring: its tier behind its own guard; its state, up or down, is always known.
//
// While it is down no call is sent to it: it is probed in the background. When it is back it is doubted for a while: it
// may have been emptied, or hold entries from before it went down, so its replies are compared with those of another
// copy.
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
  /** The node answers again. */
  readonly onUp: (node: RingNode) => void
}

/** An unused key, with which a node that is down is probed. */
const PROBE = 'millpond:ring:probe'
/** How long a node is doubted after it was down. */
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

  /** Whether calls are sent to it. */
  get isUp(): boolean {
    return this.guarded.state === 'closed'
  }

  get isDoubted(): boolean {
    return this.#doubtedAt !== undefined && this.#clock.monotonic() - this.#doubtedAt < DOUBT_MS
  }

  /** The last failure, for error messages. */
  get trouble(): string {
    return this.#lastError === undefined ? `${this.name}: is away` : reasonOf(this.#lastError)
  }

  doubt(): void {
    this.#doubtedAt = this.#clock.monotonic()
  }

  /** All entries that it should hold have been compared with the other copies, starting at this time. */
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
   * Decided by whether it answers. The guard rejects the probe if commands failed after the one that opened it: then it
   * is tried once more.
   */
  async #probe(ms: number): Promise<void> {
    this.#isProbed = true
    const probed = await this.guarded.read([PROBE])
    this.#isProbed = false
    if (!probed.ok && !this.isUp) this.#probeLater(ms)
  }
}

// The entries of one region: its tiers one after the other, each behind its own guard. The body of an entry names the
// region that made it.
import type { Clock, Refusal, RegionState, Stored, TierItem } from '../../core/contracts.ts'
import { MillpondError, reasonOf } from '../../core/errors.ts'
import { type GuardedTier, guardTier } from '../../wrap/guard.ts'
import type { ApartEntries } from '../apart-ledger.ts'
import { whole } from '../whole.ts'
import type { Region } from './options.ts'

/** Up to this many drops are sent one by one, so that each tells whether its key existed. */
const FEW = 4
/** The most bytes added to a body. */
export const HEAD_BYTES = 64

export class RegionEntries implements ApartEntries {
  readonly region: Region
  readonly #tiers: readonly GuardedTier[]
  readonly #state: () => RegionState
  #lastError: unknown

  /** `state`: the region's state, which decides whether entries are read and written. */
  constructor(region: Region, timeoutMs: number, clock: Clock, state: () => RegionState = () => 'serving') {
    this.region = region
    this.#state = state
    const onError = (_tier: string, _verb: string, error: unknown): void => {
      this.#lastError = error
    }
    this.#tiers = region.tiers.map((tier) =>
      guardTier(whole(tier), { id: `${region.name}/${tier.name}`, timeoutMs }, clock, {
        onError,
        onState: () => {},
        onTimed: () => {},
      }),
    )
  }

  /**
   * Reads the tiers in turn, each for the misses of those before.
   * @throws MillpondError `TIER_FAILED` if none answers.
   */
  async read(keys: readonly string[]): Promise<(Stored | undefined)[]> {
    return this.#state() === 'serving' ? this.readAny(keys) : keys.map(() => undefined)
  }

  /** Reads regardless of the region's state. */
  async readAny(keys: readonly string[]): Promise<(Stored | undefined)[]> {
    const found: (Stored | undefined)[] = keys.map(() => undefined)
    let wanted = keys.map((_, at) => at)
    let isHeard = false
    for (const tier of this.#tiers) {
      if (wanted.length === 0) break
      const answer = await tier.read(wanted.map((at) => keys[at] ?? ''))
      if (!answer.ok) continue
      isHeard = true
      for (const [index, at] of wanted.entries()) found[at] = opened(answer.value[index], this.region.name)
      wanted = wanted.filter((at) => found[at] === undefined)
    }
    if (!isHeard && keys.length > 0) throw this.#failed('read')
    return found
  }

  /**
   * Writes to all tiers; resolves if one has stored it, and in a drained region as if it had been evicted at once.
   * `made`: the region that made the entries.
   */
  async write(items: readonly TierItem[], made?: string): Promise<(Refusal | undefined)[]> {
    if (this.#state() === 'drained') return items.map(() => undefined)
    const closed = items.map((item) => ({ ...item, body: withHead(item.body, made) }))
    const answers = await Promise.all(this.#tiers.map((tier) => tier.write(closed)))
    const stored = answers.flatMap((answer) => (answer.ok ? [answer.value] : []))
    if (stored.length === 0 && items.length > 0) throw this.#failed('write')
    return items.map((_, at) => (stored.some((answer) => answer[at] === undefined) ? undefined : stored[0]?.[at]))
  }

  async forget(keys: readonly string[]): Promise<readonly boolean[]> {
    if (keys.length <= FEW)
      return Promise.all(
        keys.map(async (key) =>
          (await Promise.all(this.#tiers.map((tier) => tier.drop([key])))).some((drop) => drop.ok && drop.value > 0),
        ),
      )
    const there = keys.map(() => false)
    await Promise.all(
      this.#tiers.map(async (tier) => {
        const answer = await tier.read(keys)
        if (answer.ok) for (const [at, stored] of answer.value.entries()) if (stored !== undefined) there[at] = true
        await tier.drop(keys)
      }),
    )
    return there
  }

  drop(keys: readonly string[]): Promise<number> {
    return this.#everywhere('drop', (tier) => tier.drop(keys))
  }

  clear(prefix: string): Promise<number> {
    return this.#everywhere('clear', (tier) => tier.clear(prefix))
  }

  /**
   * An entry is stored in each of the tiers: it counts once.
   * @throws MillpondError `TIER_FAILED` if one did not confirm it.
   */
  async #everywhere(
    what: string,
    work: (tier: GuardedTier) => Promise<{ readonly ok: true; readonly value: number } | { readonly ok: false }>,
  ): Promise<number> {
    const done = await Promise.all(this.#tiers.map(work))
    if (done.some(({ ok }) => !ok)) throw this.#failed(what)
    return Math.max(0, ...done.map((one) => (one.ok ? one.value : 0)))
  }

  #failed(verb: string): MillpondError {
    const why = this.#lastError === undefined ? 'is away' : reasonOf(this.#lastError)
    return new MillpondError('TIER_FAILED', `edge: ${verb}: the region ${this.region.name} does not answer: ${why}`)
  }
}

/** The first byte is the length of the region's name; 0: made here. */
function withHead(body: Uint8Array, made = ''): Uint8Array {
  const closed = new Uint8Array(1 + made.length + body.length)
  closed[0] = made.length
  closed.set(Buffer.from(made, 'latin1'), 1)
  closed.set(body, 1 + made.length)
  return closed
}

/** Bytes not written by us are a miss. */
function opened(stored: Stored | undefined, own: string): Stored | undefined {
  if (stored === undefined) return undefined
  const { body, asOf, expiresAt } = stored
  const length = body[0] ?? HEAD_BYTES
  if (length >= HEAD_BYTES || body.length <= length) return undefined
  const region = length === 0 ? own : Buffer.from(body.subarray(1, 1 + length)).toString('latin1')
  return { body: body.subarray(1 + length), asOf, expiresAt, region }
}

// Background re-encryption: entries sealed with a former key of the ring, or stored unencrypted where they should be
// sealed, are sealed anew.
//
// It keeps no progress: the next run skips what has been done, so it may be stopped and restarted at will, in any
// process.
import { check, checkOptions, fn, type Shape } from '../core/checks.ts'
import type { DecodedParts, Stored } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import type { Position } from '../core/ledger.ts'
import { commitBody } from './commit-far.ts'
import { bodyOf, codecOf, decodeAll, positionOf } from './encoding.ts'
import { listed } from './listing.ts'
import { checkSignal } from './signals.ts'
import type { FarTier, Space } from './space.ts'
import { storageKey } from './storage-key.ts'

/** Options of `cache.reseal`. */
export interface ResealOptions {
  /** Stops it after the entries in progress: it rejects with `ABORTED`, and completed work remains. */
  readonly signal?: AbortSignal | undefined
  /** Called after each step of a few hundred keys. */
  readonly onProgress?: ((progress: Resealed) => void) | undefined
}

/** The result of `cache.reseal`, over all tiers. */
export interface Resealed {
  /** Records examined. */
  readonly seen: number
  /** Records sealed anew. */
  readonly resealed: number
  /** Unreadable records: sealed with a key that is not in the ring, or damaged. Reads treat them as misses already. */
  readonly unreadable: number
  /**
   * Tiers that cannot be listed: their entries are sealed anew as they are loaded or written, at the latest when the
   * longest TTL is over.
   */
  readonly unlisted: readonly string[]
}

const OPTIONS: Shape<ResealOptions> = {
  signal: check((value): value is AbortSignal => value instanceof AbortSignal, 'an AbortSignal'),
  onProgress: fn('a function that receives the progress'),
}

export async function reseal(space: Space, options: ResealOptions = {}): Promise<Resealed> {
  checkOptions<ResealOptions>(options, OPTIONS, 'reseal')
  const done = { seen: 0, resealed: 0, unreadable: 0, unlisted: [] as string[] }
  for (const far of space.far) {
    const { tier, name } = far.guarded
    if (!far.enabled || codecOf(space, far).isBound !== true) continue
    if (tier.scan === undefined) {
      done.unlisted.push(name)
      continue
    }
    for await (const names of listed(space, far, space.id.prefix)) {
      checkSignal(options.signal)
      const answer = await far.guarded.read(names)
      if (!answer.ok)
        throw new MillpondError('TIER_FAILED', `${name} did not answer while its entries were resealed: run it again`)
      await resealSome(space, far, names, answer.value, done)
      options.onProgress?.({ ...done, unlisted: [...done.unlisted] })
    }
  }
  return done
}

async function resealSome(
  space: Space,
  far: FarTier,
  names: readonly string[],
  records: readonly (Stored | undefined)[],
  done: { seen: number; resealed: number; unreadable: number },
): Promise<void> {
  const decoded = await decodeAll(space, far, records)
  // Checked after all waiting: an entry that is rewritten must be known to be valid now.
  if (!(await space.ledger.ensure()))
    throw new MillpondError(
      'LEDGER_UNREACHABLE',
      `${space.id.prefix} the ledger does not answer, so it is unknown which entries are valid: run it again`,
    )
  for (const [index, stored] of records.entries()) {
    if (stored === undefined) continue
    done.seen++
    const parts = decoded[index]
    if (parts === undefined || storageKey(space, parts.key) !== names[index]) done.unreadable++
    else if (parts.isOldKey === true || parts.isEncrypted === false) {
      const asOf = verified(space, parts, stored)
      if (asOf === undefined) continue
      await commitBody(space, far, parts, asOf, bodyOf(space, parts, asOf), stored.expiresAt, undefined)
      done.resealed++
    }
  }
}

/** The newest position at which the entry is known to be valid; undefined if it is not. */
function verified(space: Space, parts: DecodedParts, stored: Stored): Position | undefined {
  const { view } = space.ledger
  const { epoch, seq } = positionOf(space, parts, stored)
  if (epoch !== view.epoch || parts.staleUntil <= space.services.clock.now()) return undefined
  const judgement = view.judgeApart(parts.key, parts.tags, seq)
  if (judgement === 'invalid') return undefined
  return judgement === 'valid' ? { epoch, seq: Math.max(seq, view.last) } : { epoch, seq }
}

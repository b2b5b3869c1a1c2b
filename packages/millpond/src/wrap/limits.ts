// A tier's limits, completed and validated, and keys made to fit them.
import { createHash } from 'node:crypto'
import type { Tier, TierLimits } from '../core/contracts.ts'
import { MillpondError, show } from '../core/errors.ts'

export type Limits = Required<TierLimits>

const DEFAULTS: Limits = {
  keyBytes: Number.POSITIVE_INFINITY,
  itemBytes: Number.POSITIVE_INFINITY,
  entryBytes: 64 * 1024 * 1024,
  items: 1000,
  batchBytes: 8 * 1024 * 1024,
  calls: 8,
}
/** A namespace's prefix and a hash need some room, and a body its frame. */
const LEAST: Limits = { keyBytes: 64, itemBytes: 1024, entryBytes: 0, items: 1, batchBytes: 1, calls: 1 }

/** @throws MillpondError `OPTION_INVALID` for an unknown limit, or one that is too small. */
export function resolveLimits({ name, limits = {} }: Pick<Tier, 'name' | 'limits'>): Limits {
  const resolved: Limits = { ...DEFAULTS, ...limits }
  for (const [limit, value] of Object.entries(resolved)) {
    const least = Object.entries(LEAST).find(([known]) => known === limit)?.[1]
    if (least === undefined)
      throw new MillpondError(
        'OPTION_INVALID',
        `the tier ${show(name)} has an unknown limit ${show(limit)}: use ${Object.keys(LEAST).join(', ')}`,
      )
    if (value !== Number.POSITIVE_INFINITY && !(Number.isSafeInteger(value) && value >= least))
      throw new MillpondError(
        'OPTION_INVALID',
        `the tier ${show(name)} has the limit ${limit}: ${show(value)}, which is not allowed: give a whole number from ${least}, or leave it out`,
      )
  }
  return resolved
}

/** SHA-256 as base64url. */
const HASH = 43

/**
 * A key that is too long keeps as much of its beginning as fits before a hash of the whole; the entry itself contains
 * its whole key.
 */
export function fitKey(key: string, bytes: number): string {
  // A character takes at most three bytes for each of its code units.
  if (key.length * 3 <= bytes || Buffer.byteLength(key) <= bytes) return key
  let kept = ''
  let room = bytes - HASH - 1
  for (const character of key) {
    room -= Buffer.byteLength(character)
    if (room < 0) break
    kept += character
  }
  return `${kept}#${createHash('sha256').update(key).digest('base64url')}`
}

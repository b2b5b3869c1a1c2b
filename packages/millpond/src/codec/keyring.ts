// Keys by id: the current one encrypts, the others only decrypt. Created from keys that the program holds; files, the
// environment and key services also lead here.
import { createHash } from 'node:crypto'
import { unknownName } from '../core/checks.ts'
import type { CodecOptions, KeyRing } from '../core/codec-options.ts'
import { reasonOf, show } from '../core/errors.ts'
import { invalid, type KeyBytes, keyBytes } from './key-bytes.ts'
import { valueCodec } from './value-codec.ts'

/** The keys of a ring. */
export interface KeyringOptions {
  /** The id of the key that encrypts. It must be in `keys`. */
  readonly current: string
  /**
   * By id: an object, a Map, or a list of pairs. An id is 1 to 64 letters, digits, `.`, `_` or `-`, and must never be
   * reused for another key.
   */
  readonly keys: Readonly<Record<string, KeyBytes>> | Iterable<readonly [id: string, key: KeyBytes]>
  /**
   * The key that replaces `current` at a given time: a Date, epoch milliseconds, or anything that `new Date` accepts.
   * This makes both steps of a rotation one change: every process must have received the ring before `activeFrom`, with
   * a margin for the differences between their clocks.
   */
  readonly next?: { readonly id: string; readonly activeFrom: Date | number | string } | undefined
}

/** A ring whose keys can be changed while caches use it. */
export interface LiveKeyring extends KeyRing {
  /**
   * Replaces the keys: all of them, or none if anything is wrong. Rotate in two steps, or other processes cannot read
   * what the first one encrypts with the new key: give every process the new key besides the old one as `current`, and
   * only then make the new one `current`.
   * @throws MillpondError `KEYRING_INVALID` as `keyring` does.
   */
  replace(options: KeyringOptions): void
}

const ID = /^[\w.-]{1,64}$/

/**
 * A key ring for `codec: { encrypt }`.
 * @throws MillpondError `KEYRING_INVALID` without a current key, for a key that is not 32 bytes long, a duplicate id,
 * or one key under two ids. No message shows a key.
 * @example
 * const cache = createCache({ tiers, codec: { encrypt: keyring({ current: 'k2', keys: { k1, k2 } }) } })
 */
export function keyring(options: KeyringOptions): LiveKeyring {
  return new Ring(options)
}

/**
 * The id of a key that was given without one: the same in every process. It reveals only 48 bits of a hash of 256
 * random bits.
 */
export const idOf = (key: Uint8Array): string =>
  createHash('sha256').update('millpond key id').update(key).digest('hex').slice(0, 12)

class Ring implements LiveKeyring {
  #current: string
  #next: Next | undefined
  #keys: ReadonlyMap<string, Uint8Array>

  constructor(options: KeyringOptions) {
    this.#keys = checkRing(options)
    this.#current = options.current
    this.#next = nextOf(options, this.#keys)
  }

  get current(): string {
    if (this.#next !== undefined && Date.now() >= this.#next.from) {
      this.#current = this.#next.id
      this.#next = undefined
    }
    return this.#current
  }

  get ids(): readonly string[] {
    return [...this.#keys.keys()]
  }

  key(id: string): Uint8Array | undefined {
    return this.#keys.get(id)
  }

  codec(options: CodecOptions): ReturnType<KeyRing['codec']> {
    return valueCodec({ ...options, encrypt: this })
  }

  replace(options: KeyringOptions): void {
    const keys = checkRing(options)
    this.#next = nextOf(options, keys)
    this.#keys = keys
    this.#current = options.current
  }

  toJSON(): { readonly current: string; readonly ids: readonly string[] } {
    return { current: this.current, ids: this.ids }
  }
}

const NAMES = ['current', 'keys', 'next']

function checkRing(options: unknown): ReadonlyMap<string, Uint8Array> {
  if (typeof options !== 'object' || options === null || !('keys' in options) || !('current' in options))
    throw invalid('it is not { current, keys }: give keyring({ current: "k1", keys: { k1 } })')
  for (const name of Object.keys(options)) if (!NAMES.includes(name)) throw invalid(reasonOf(unknownName(name, NAMES)))
  const keys = new Map<string, Uint8Array>()
  for (const [id, given] of pairsOf(options.keys)) {
    if (typeof id !== 'string' || !ID.test(id))
      throw invalid(`the id of a key is ${show(id)}: give 1 to 64 letters, digits, ".", "_" or "-"`)
    if (keys.has(id)) throw invalid(`two keys have the id ${show(id)}: give a new key an id that was never used before`)
    const key = bytesOf(id, given)
    for (const [other, its] of keys)
      if (sameBytes(its, key)) throw invalid(`${show(other)} and ${show(id)} are the same key: leave one out`)
    keys.set(id, key)
  }
  const { current } = options
  if (typeof current !== 'string' || !keys.has(current)) {
    const known = keys.size === 0 ? 'it has none' : `there are ${[...keys.keys()].join(', ')}`
    throw invalid(`the current key is ${show(current)}, which is not among its keys: ${known}`)
  }
  return keys
}

interface Next {
  readonly id: string
  readonly from: number
}

function nextOf({ next }: KeyringOptions, keys: ReadonlyMap<string, Uint8Array>): Next | undefined {
  if (next === undefined) return undefined
  if (typeof next !== 'object' || next === null) throw invalid('next is not { id, activeFrom }')
  const { id, activeFrom } = next
  if (!keys.has(id))
    throw invalid(`the next key is ${show(id)}, which is not among its keys: there are ${[...keys.keys()].join(', ')}`)
  const from = new Date(activeFrom).getTime()
  if (Number.isNaN(from))
    throw invalid(`the next key ${show(id)} is active from ${show(activeFrom)}, which is not a time: give a Date`)
  return { id, from }
}

function pairsOf(keys: unknown): Iterable<readonly [unknown, unknown]> {
  if (typeof keys !== 'object' || keys === null) throw invalid('its keys are not given by id: give { k1: Buffer }')
  if (!(Symbol.iterator in keys)) return Object.entries(keys)
  if (keys instanceof Uint8Array) throw invalid('its keys are plain bytes: give them by id, { k1: Buffer }')
  return [...(keys as Iterable<unknown>)].map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw invalid('its keys are not pairs of an id and a key')
    return [pair[0], pair[1]] as const
  })
}

const bytesOf = (id: string, given: unknown): Uint8Array => keyBytes(`the key ${show(id)}`, given)

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

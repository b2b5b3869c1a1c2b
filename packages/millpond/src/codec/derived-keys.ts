// The keys that values are encrypted with: derived, so that each process counts nonces under a key of its own.
//
// GCM breaks if a nonce repeats under one key; random 96-bit nonces may collide from 2^32 records on, counted over the
// whole fleet. HKDF (RFC 5869) of the ring's key and 16 random bytes gives each process, cache and namespace its own
// key and nonce counter. NIST SP 800-38D, 8.2.1: the deterministic construction.
import { hkdfSync, randomBytes } from 'node:crypto'
import type { KeyRing } from '../core/codec-options.ts'
import { SALT_BYTES } from './seal-head.ts'

const KEY_BYTES = 32
const NONCE_BYTES = 12
/** A new salt is drawn after this many records, or after this time. */
const MAX_COUNT = 2 ** 30
const MAX_AGE_MS = 24 * 60 * 60 * 1000
/**
 * The most derived keys of other processes that are cached: enough for hundreds of processes with a few namespaces
 * each.
 */
const MAX_KNOWN = 2000

/** The cache and namespace of a record. */
export interface Place {
  readonly cache: string
  readonly namespace: string
}

/** Key and nonce for the next record. */
export interface Turn {
  readonly keyId: string
  readonly key: Uint8Array
  readonly salt: Uint8Array
  readonly count: number
}

interface Counted {
  readonly keyId: string
  /** The ring's key of that id at the time of derivation. */
  readonly root: Uint8Array
  readonly key: Uint8Array
  readonly salt: Uint8Array
  readonly until: number
  count: number
}

export class DerivedKeys {
  readonly #ring: KeyRing
  readonly #maxCount: number
  readonly #now: () => number
  readonly #own = new Map<string, Counted>()
  readonly #known = new Map<string, Pick<Counted, 'root' | 'key'>>()

  constructor(ring: KeyRing, maxCount = MAX_COUNT, now: () => number = Date.now) {
    this.#ring = ring
    this.#maxCount = maxCount
    this.#now = now
  }

  /** Each result is returned only once. */
  next(place: Place): Turn {
    const name = nameOf(place)
    const { current } = this.#ring
    let own = this.#own.get(name)
    const root = this.#ring.key(current)
    if (root === undefined) throw new Error('a key ring has lost its current key')
    if (
      own === undefined ||
      own.keyId !== current ||
      own.root !== root ||
      own.count >= this.#maxCount ||
      this.#now() >= own.until
    ) {
      const salt = randomBytes(SALT_BYTES)
      own = { keyId: current, root, key: derive(root, salt, name), salt, until: this.#now() + MAX_AGE_MS, count: 0 }
      this.#own.set(name, own)
    }
    const { keyId, key, salt } = own
    this.#ring.noteUse?.(keyId)
    return { keyId, key, salt, count: own.count++ }
  }

  /** Undefined for an id that is not in the ring. */
  find(keyId: string, salt: Uint8Array, place: Place): Uint8Array | undefined {
    const root = this.#ring.key(keyId)
    if (root === undefined) return undefined
    const name = nameOf(place)
    const own = this.#own.get(name)
    if (own?.root === root && Buffer.compare(own.salt, salt) === 0) return own.key
    const known = `${keyId} ${Buffer.from(salt.buffer, salt.byteOffset, salt.byteLength).toString('latin1')} ${name}`
    const found = this.#known.get(known)
    if (found?.root === root) return found.key
    const key = derive(root, salt, name)
    if (this.#known.size >= MAX_KNOWN) for (const oldest of this.#known.keys()) if (this.#known.delete(oldest)) break
    this.#known.set(known, { root, key })
    return key
  }
}

/** Unique for each place. */
const nameOf = ({ cache, namespace }: Place): string => `${cache.length}:${cache}${namespace}`

function derive(root: Uint8Array, salt: Uint8Array, name: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', root, salt, `millpond seal 1 ${name}`, KEY_BYTES))
}

export function nonceOf(count: number): Uint8Array {
  const nonce = Buffer.alloc(NONCE_BYTES)
  nonce.writeUInt32BE(count, NONCE_BYTES - 4)
  return nonce
}

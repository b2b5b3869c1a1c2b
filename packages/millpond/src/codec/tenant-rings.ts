// The tenants whose keys this process holds: loaded on first use, kept for a while, and reloaded when they may have
// been destroyed.
import type { KeyRing } from '../core/codec-options.ts'
import type { KeyStore, ShreddedKeys } from '../core/contracts.ts'
import { MillpondError, reasonOf, show } from '../core/errors.ts'
import { inTime } from './in-time.ts'
import { newKey, recordFrom, recordText, type TenantRecord, type WrappedKey } from './tenant-record.ts'
import { TenantRing } from './tenant-ring.ts'

/** The most tenants whose keys are held; the one that was opened first is evicted. */
const MAX_HELD = 10_000
/** How long the store is not asked again after a failure, so that readers do not wait for a store that is down. */
const REST_MS = 1000
/**
 * Creating or destroying keys is synced to a disk, which may be busy: it happens once for a tenant, and a store that is
 * down was already detected by the read before.
 */
const LEAST_PUT_MS = 10_000
/** How often a change is retried when others change the record concurrently. */
const MAX_TRIES = 5

export interface TenantRingsOptions {
  readonly ring: KeyRing
  readonly store: KeyStore
  readonly recheckMs: number
  readonly timeoutMs: number
  readonly now?: () => number
}

interface Held {
  readonly ring: TenantRing
  /** When it was last loaded; `-Infinity`: it may be out of date. */
  askedAt: number
  asking: Promise<void> | undefined
  failure: { readonly error: MillpondError; readonly until: number } | undefined
}

export class TenantRings {
  readonly #ring: KeyRing
  readonly #store: KeyStore
  readonly #timeoutMs: number
  readonly #now: () => number
  readonly recheckMs: number
  readonly #held = new Map<string, Held>()

  constructor({ ring, store, recheckMs, timeoutMs, now = Date.now }: TenantRingsOptions) {
    this.#ring = ring
    this.#store = store
    this.recheckMs = recheckMs
    this.#timeoutMs = timeoutMs
    this.#now = now
  }

  /** The tenant's ring, if recent enough; in the second half of that time it is reloaded in the background. */
  known(tenant: string): TenantRing | undefined {
    const held = this.#held.get(tenant)
    if (held === undefined) return undefined
    const age = this.#now() - held.askedAt
    if (age < 0 || age >= this.recheckMs) return undefined
    if (age >= this.recheckMs / 2) this.#ask(tenant, held).catch(() => {}) // reported to callers that wait for it
    return held.ring
  }

  /** Whether it may be asked for again. */
  mayAsk(tenant: string): boolean {
    const held = this.#held.get(tenant)
    return held === undefined || this.#now() - held.askedAt >= REST_MS
  }

  /**
   * @throws MillpondError `KEYRING_UNREACHABLE` where the store fails, is late, or has been so within the last second;
   * `KEYRING_INVALID` for a damaged record.
   */
  async open(tenant: string): Promise<TenantRing> {
    const held = this.#holding(tenant)
    await this.#ask(tenant, held)
    return held.ring
  }

  /** The tenant's ring with a key to encrypt with, created if there is none; a shredded ring stays so. */
  async openToSeal(tenant: string): Promise<TenantRing> {
    const ring = this.known(tenant) ?? (await this.open(tenant))
    if (ring.canSeal || ring.isShredded) return ring
    return this.#change(tenant, (record) => record ?? { keys: [newKey(this.#ring, tenant, this.#now())] })
  }

  /** Marks what is known of it as out of date: the next use reloads it. */
  forget(tenant: string): void {
    const held = this.#held.get(tenant)
    if (held === undefined) return
    held.askedAt = Number.NEGATIVE_INFINITY
    held.failure = undefined
    // A pending response may be older than the change.
    held.asking = undefined
  }

  /** @throws MillpondError `KEYRING_UNREACHABLE`. */
  async shred(tenant: string): Promise<ShreddedKeys> {
    let shredded: Omit<ShreddedKeys, 'heldUntil'> = { shreddedAt: this.#now(), ids: [] }
    const end = (record: TenantRecord | undefined): TenantRecord => {
      if (record !== undefined && 'shreddedAt' in record) shredded = record
      else shredded = { shreddedAt: this.#now(), ids: (record?.keys ?? []).map(({ id }) => id) }
      return shredded
    }
    await this.#change(tenant, end, true)
    return { ...shredded, heldUntil: shredded.shreddedAt + this.recheckMs }
  }

  /** Prepends a new key. */
  async rotate(tenant: string): Promise<string> {
    const ring = await this.#change(tenant, (record) => {
      if (record !== undefined && 'shreddedAt' in record) throw shreddedError(tenant)
      const key = newKey(this.#ring, tenant, this.#now())
      return { keys: [key, ...(record?.keys ?? [])] }
    })
    return ring.current
  }

  async revive(tenant: string): Promise<void> {
    await this.#change(tenant, (record) =>
      record === undefined || 'shreddedAt' in record ? { keys: [newKey(this.#ring, tenant, this.#now())] } : record,
    )
  }

  /** Resolves with whether anything had to be done; undefined if a key could not be unwrapped. */
  async rewrap(tenant: string, again: (key: WrappedKey) => WrappedKey | undefined): Promise<boolean | undefined> {
    let outcome: boolean | undefined = false
    await this.#change(tenant, (record) => {
      outcome = false
      if (record === undefined || 'shreddedAt' in record) return record
      const keys = record.keys.map((key) => (key.by === this.#ring.current ? key : again(key)))
      if (keys.includes(undefined)) outcome = undefined
      else if (keys.some((key, at) => key !== record.keys[at])) outcome = true
      const [first, ...others] = keys.flatMap((key) => key ?? [])
      return outcome === true && first !== undefined ? { keys: [first, ...others] } : record
    })
    return outcome
  }

  tenants(): AsyncIterable<readonly string[]> {
    return this.#store.list()
  }

  #holding(tenant: string): Held {
    const held = this.#held.get(tenant) ?? {
      ring: new TenantRing(tenant, this.#ring),
      askedAt: Number.NEGATIVE_INFINITY,
      asking: undefined,
      failure: undefined,
    }
    if (!this.#held.has(tenant)) {
      if (this.#held.size >= MAX_HELD) for (const oldest of this.#held.keys()) if (this.#held.delete(oldest)) break
      this.#held.set(tenant, held)
    }
    return held
  }

  /** One read at a time for each tenant. */
  #ask(tenant: string, held: Held): Promise<void> {
    if (held.asking !== undefined) return held.asking
    const { failure } = held
    if (failure !== undefined && this.#now() < failure.until) return Promise.reject(failure.error)
    const asking: Promise<void> = this.#read(tenant, held, () => held.asking === asking).finally(() => {
      if (held.asking === asking) held.asking = undefined
    })
    held.asking = asking
    return asking
  }

  async #read(tenant: string, held: Held, isCurrent: () => boolean): Promise<void> {
    const askedAt = this.#now()
    try {
      const text = await inTime(this.#store.get(tenant), this.#timeoutMs)
      if (!isCurrent()) return this.#ask(tenant, held)
      held.ring.learn(text === undefined ? undefined : recordFrom(text, tenant))
      held.askedAt = askedAt
      held.failure = undefined
    } catch (cause) {
      const error = asUnreachable(tenant, cause)
      held.failure = { error, until: this.#now() + REST_MS }
      throw error
    }
  }

  /**
   * Reads, changes and writes, and retries if another process was faster. `isEnd`: the existing record need not be
   * readable.
   */
  async #change(
    tenant: string,
    change: (record: TenantRecord | undefined) => TenantRecord | undefined,
    isEnd = false,
  ): Promise<TenantRing> {
    try {
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const before = await inTime(this.#store.get(tenant), this.#timeoutMs)
        const record = before === undefined ? undefined : isEnd ? readable(before, tenant) : recordFrom(before, tenant)
        const after = change(record)
        if (
          after === record ||
          after === undefined ||
          (await inTime(this.#store.put(tenant, recordText(after), before), Math.max(LEAST_PUT_MS, this.#timeoutMs)))
        ) {
          const held = this.#holding(tenant)
          this.forget(tenant)
          held.ring.learn(after)
          held.askedAt = this.#now()
          return held.ring
        }
      }
    } catch (cause) {
      throw asUnreachable(tenant, cause)
    }
    throw asUnreachable(tenant, new Error(`others changed the record ${MAX_TRIES} times meanwhile`))
  }
}

function readable(text: string, tenant: string): TenantRecord | undefined {
  try {
    return recordFrom(text, tenant)
  } catch {
    return undefined
  }
}

function asUnreachable(tenant: string, cause: unknown): MillpondError {
  if (cause instanceof MillpondError && cause.code !== 'TIER_FAILED') return cause
  return new MillpondError(
    'KEYRING_UNREACHABLE',
    `the key store did not answer for the tenant ${show(tenant)}: ${reasonOf(cause)}`,
    {
      cause,
    },
  )
}

export const shreddedError = (tenant: string): MillpondError =>
  new MillpondError(
    'KEY_SHREDDED',
    `the keys of the tenant ${show(tenant)} were destroyed: nothing is cached for it any more unless revive() gives it a new key`,
  )

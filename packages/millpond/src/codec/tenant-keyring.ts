// A ring that gives each tenant keys of its own, wrapped by another ring and kept in a store: destroying a tenant's
// keys destroys everything that they encrypted.
import { check, checkOptions, duration, fn, required, type Shape, withMethods } from '../core/checks.ts'
import type { CodecOptions, KeyRing } from '../core/codec-options.ts'
import type { Codec, CodecContext, DecodedParts, EncodedParts, KeyStore, ShreddedKeys } from '../core/contracts.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import { tenantId, tenantIn } from './tenant-id.ts'
import { unwrapKey, wrapKey } from './tenant-record.ts'
import type { TenantRing } from './tenant-ring.ts'
import { shreddedError, TenantRings } from './tenant-rings.ts'
import { valueCodec } from './value-codec.ts'

/** The ring that wraps tenants' keys, and where these are kept. */
export interface TenantKeyringOptions {
  /** Wraps tenants' keys, and encrypts values that belong to no tenant. */
  readonly ring: KeyRing
  /**
   * `memoryKeyStore()`, `folderKeyStore(path)`, `sqliteKeyStore({ path })` of `millpond/tiers/sqlite`,
   * `postgresKeyStore({ pool })` of `millpond/tiers/postgres`, or your own. Not in the tiers that hold the entries.
   */
  readonly store: KeyStore
  /**
   * How long a process uses what it knows of a tenant's keys before it asks the store again. Default `'5m'`. A process
   * that follows the tenant's part of the cache learns of a shredding with its invalidation, within 500 ms; this is for
   * those that do not.
   */
  readonly recheck?: Duration | undefined
  /**
   * The time limit for store reads. Default `'250ms'`; after a failure the store is not asked for a second. Creating or
   * destroying a key may take 10 s, since it is synced to disk.
   */
  readonly timeout?: Duration | undefined
}

/** A ring with a key for each tenant. */
export interface TenantKeyring extends KeyRing {
  /**
   * Destroys all keys of a tenant, permanently: everything that they encrypted is unreadable from now on, wherever it
   * is stored, and nothing more is encrypted for the tenant. `cache.erase({ tenant })` calls this, and also removes
   * what can be found. Idempotent.
   * @throws MillpondError `KEYRING_UNREACHABLE`: it is unknown whether the keys were destroyed; call it again.
   */
  shred(tenant: string): Promise<ShreddedKeys>
  /** Creates a new key for a tenant whose keys were destroyed. What those encrypted stays unreadable. */
  revive(tenant: string): Promise<void>
  /** Creates a new key for a tenant, which encrypts from now on; the former ones only decrypt. Resolves with its id. */
  rotate(tenant: string): Promise<string>
  /**
   * Rewraps tenants' keys that a former key of the ring wraps, so that it can be removed. Can be stopped and run again.
   * @throws MillpondError `ABORTED`, `KEYRING_UNREACHABLE`: completed work is kept.
   */
  rewrap(options?: RewrapOptions): Promise<Rewrapped>
}

export interface RewrapOptions {
  /** Stops it after the current step. */
  readonly signal?: AbortSignal | undefined
  /** Called after each step of the store's list. */
  readonly onProgress?: ((progress: Rewrapped) => void) | undefined
}

/** What `rewrap` has found and done so far. */
export interface Rewrapped {
  /** Tenants that were looked at. */
  readonly seen: number
  /** Tenants whose key was wrapped anew. */
  readonly rewrapped: number
  /** Tenants with a key that was modified, or whose wrapping key is not in the ring. */
  readonly unreadable: number
}

const OPTIONS: Shape<TenantKeyringOptions> = {
  ring: required(withMethods<KeyRing>('a key ring, such as keyring({ current, keys })', 'key', 'codec')),
  store: required(withMethods<KeyStore>('a key store, such as folderKeyStore(path)', 'get', 'put', 'list', 'close')),
  recheck: duration,
  timeout: duration,
}

/**
 * A ring for `codec: { encrypt }` with which `cache.for({ tenant })` encrypts with a key of that tenant, created on
 * first use.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
 * @example
 * const ring = keyring({ current: 'k1', keys: { k1 } })
 * const keys = tenantKeyring({ ring, store: folderKeyStore('/var/lib/app/keys') })
 * const cache = createCache({ tiers, codec: { encrypt: keys } })
 * await cache.for({ tenant: 'acme' }).set('plan', plan)
 * await cache.erase({ tenant: 'acme' })
 */
export function tenantKeyring(options: TenantKeyringOptions): TenantKeyring {
  checkOptions<TenantKeyringOptions>(options, OPTIONS, 'tenantKeyring')
  const { ring, store, recheck = '5m', timeout = '250ms' } = options
  const rings = new TenantRings({
    ring,
    store,
    recheckMs: parseDuration(recheck, 'recheck'),
    timeoutMs: parseDuration(timeout, 'timeout'),
  })
  return {
    get current() {
      return ring.current
    },
    get ids() {
      return ring.ids
    },
    key: (id) => ring.key(id),
    codec: (codecOptions) => tenantCodec(ring, rings, codecOptions),
    shred: async (tenant) => rings.shred(tenantId(checkTenant(tenant))),
    revive: async (tenant) => rings.revive(tenantId(checkTenant(tenant))),
    rotate: async (tenant) => rings.rotate(tenantId(checkTenant(tenant))),
    rewrap: (rewrapOptions = {}) => rewrap(ring, rings, rewrapOptions),
  }
}

function checkTenant(tenant: unknown): string {
  if (typeof tenant === 'string' && tenant !== '') return tenant
  throw new MillpondError(
    'OPTION_INVALID',
    `tenant: ${show(tenant)} is not a tenant: give the same string as to cache.for({ tenant })`,
  )
}

function tenantCodec(ring: KeyRing, rings: TenantRings, options: CodecOptions): Codec {
  const shared: CodecOptions = { ...options }
  const whole = valueCodec({ ...shared, encrypt: ring })
  const seal = (
    its: TenantRing,
    tenant: string,
    parts: EncodedParts,
    context: CodecContext,
  ): ReturnType<Codec['encode']> => {
    if (its.isShredded) throw shreddedError(tenant)
    if (!its.canSeal)
      throw new MillpondError(
        'KEYRING_INVALID',
        `the key of the tenant ${show(tenant)} cannot be unwrapped: give the ring the key that wraps it, or restore the record in the key store`,
      )
    return its.codec(shared).encode(parts, context)
  }
  return {
    ...whole,
    tenants: {
      shred: (tenant) => rings.shred(tenantId(tenant)),
      forget(namespace) {
        const tenant = tenantIn(namespace)
        if (tenant !== undefined) rings.forget(tenant)
      },
    },
    encode(parts, context) {
      const tenant = context === undefined ? undefined : tenantIn(context.namespace)
      if (tenant === undefined || context === undefined) return whole.encode(parts, context)
      const its = rings.known(tenant)
      if (its !== undefined && (its.canSeal || its.isShredded)) return seal(its, tenant, parts, context)
      return rings.openToSeal(tenant).then((opened) => seal(opened, tenant, parts, context))
    },
    decode(bytes, context) {
      const tenant = context === undefined ? undefined : tenantIn(context.namespace)
      if (tenant === undefined || context === undefined) return whole.decode(bytes, context)
      const its = rings.known(tenant)
      return its === undefined
        ? openLater(rings, tenant, shared, bytes, context)
        : open(rings, its, tenant, shared, bytes, context)
    },
    figures(place) {
      const tenant = tenantIn(place.namespace)
      return tenant === undefined ? whole.figures?.(place) : rings.known(tenant)?.codec(shared).figures?.(place)
    },
  }
}

type Opened = DecodedParts | undefined

async function openLater(
  rings: TenantRings,
  tenant: string,
  options: CodecOptions,
  bytes: Uint8Array,
  context: CodecContext,
): Promise<Opened> {
  let its: TenantRing
  try {
    its = await rings.open(tenant)
  } catch {
    context.reject?.('no_answer')
    return undefined
  }
  return its.isShredded ? refuse(context) : its.codec(options).decode(bytes, context)
}

/** An unknown key may have been created by another process since. */
function open(
  rings: TenantRings,
  its: TenantRing,
  tenant: string,
  options: CodecOptions,
  bytes: Uint8Array,
  context: CodecContext,
): Opened | Promise<Opened> {
  if (its.isShredded) return refuse(context)
  let isUnknown = false
  const answer = its.codec(options).decode(bytes, {
    ...context,
    reject: (why) => {
      isUnknown = why === 'unknown_key' && rings.mayAsk(tenant)
      if (!isUnknown) context.reject?.(why)
    },
  })
  if (answer instanceof Promise)
    return answer.then((found) => (isUnknown ? openLater(rings, tenant, options, bytes, context) : found))
  return isUnknown ? openLater(rings, tenant, options, bytes, context) : answer
}

function refuse(context: CodecContext): undefined {
  context.reject?.('shredded')
  return undefined
}

const REWRAP: Shape<RewrapOptions> = {
  signal: check((value): value is AbortSignal => value instanceof AbortSignal, 'an AbortSignal'),
  onProgress: fn('a function that receives the progress'),
}

async function rewrap(ring: KeyRing, rings: TenantRings, options: RewrapOptions): Promise<Rewrapped> {
  checkOptions<RewrapOptions>(options, REWRAP, 'rewrap')
  const { signal, onProgress } = options
  const done = { seen: 0, rewrapped: 0, unreadable: 0 }
  for await (const tenants of rings.tenants()) {
    for (const tenant of tenants) {
      if (signal?.aborted === true)
        throw new MillpondError('ABORTED', 'rewrap was stopped: what was done so far is kept', { cause: signal.reason })
      done.seen++
      const outcome = await rings.rewrap(tenant, (key) => {
        const opened = unwrapKey(ring, tenant, key)
        return opened === undefined ? undefined : wrapKey(ring, tenant, key, opened)
      })
      if (outcome === undefined) done.unreadable++
      else if (outcome) done.rewrapped++
    }
    onProgress?.({ ...done })
  }
  return done
}

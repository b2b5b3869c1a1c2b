// A ring that is kept in a key store and rotates itself, by age and by use, for all processes that share it.
//
// Rotation has two steps, or other processes could not read what the first one encrypts with a new key: the new key is
// added to the record with a time in the future, by which every process has read the record again; from then on it
// encrypts. The first process to find that rotation is due adds the key; the record is changed by compare-and-set, so
// only one is added.
import {
  checkOptions,
  duration,
  fn,
  options as optionsOf,
  required,
  type Shape,
  text,
  whole,
  withMethods,
} from '../core/checks.ts'
import type { CodecOptions, KeyRing } from '../core/codec-options.ts'
import type { Codec, DecodedParts, KeyStore, Rejection } from '../core/contracts.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, reasonOf, show } from '../core/errors.ts'
import { unheld } from '../core/unheld.ts'
import { inTime } from './in-time.ts'
import { type StoredKeys, storedFrom, storedText } from './stored-record.ts'
import {
  type KeyRotation,
  type RotateAfter,
  type RotationTimes,
  type Step,
  sealingAt,
  stepOf,
} from './stored-rotation.ts'
import { unwrapKey } from './tenant-record.ts'
import { valueCodec } from './value-codec.ts'

export interface StoredKeyringOptions {
  /** Wraps the keys, for example a ring from a key service. */
  readonly by: KeyRing
  /** Where the wrapped keys are kept. */
  readonly store: KeyStore
  /** The name of the ring in the store: letters, digits, `_` and `-`, at most 40. Default `'cache'`. */
  readonly name?: string | undefined
  /** When keys are rotated automatically. */
  readonly rotateAfter?: RotateAfter | undefined
  /** How long a new key is known before it encrypts: longer than `recheck`, and than clocks differ. Default `'10m'`. */
  readonly overlap?: Duration | undefined
  /** How often the record is read again, and the number of encrypted records reported. Default `'1m'`. */
  readonly recheck?: Duration | undefined
  /** How long a key is kept after it stops encrypting; then what it encrypted is unreadable. Default: for ever. */
  readonly retireAfter?: Duration | undefined
  /** The time limit for store calls. Default `'2s'`. */
  readonly timeout?: Duration | undefined
  /** Called in the process that has added a new key to the record: a good moment to plan `cache.reseal()`. */
  readonly onRotation?: ((rotation: KeyRotation) => void) | undefined
  /** Called when the store could not be read or written; the ring continues with the keys that it has. */
  readonly onWarning?: ((error: MillpondError) => void) | undefined
}

/** A ring that rotates itself. */
export interface StoredKeyring extends KeyRing {
  /**
   * Each key, with the time from which it encrypts, and how many records it has encrypted, as far as the store was
   * told.
   */
  readonly keys: readonly {
    readonly id: string
    readonly activeFrom: number
    readonly createdAt: number
    readonly uses: number
  }[]
  /**
   * Reads the record now, reports what was encrypted, and rotates if due.
   * @throws MillpondError `KEYRING_UNREACHABLE`.
   */
  check(): Promise<void>
  /** Adds a new key to the record, to encrypt after the overlap. @throws MillpondError `KEYRING_UNREACHABLE`. */
  rotate(): Promise<KeyRotation>
  /** Rewraps keys that are wrapped by a former key of `by`. @throws MillpondError `KEYRING_UNREACHABLE`. */
  rewrap(): Promise<void>
  /** Reports to the store what was encrypted since, and stops. */
  close(): Promise<void>
}

const AFTER: Shape<RotateAfter> = { age: duration, records: whole(1) }
const OPTIONS: Shape<StoredKeyringOptions> = {
  by: required(withMethods<KeyRing>('a key ring, such as keyring({ current, keys })', 'key', 'codec')),
  store: required(withMethods<KeyStore>('a key store, such as folderKeyStore(path)', 'get', 'put', 'list', 'close')),
  name: text,
  rotateAfter: optionsOf(AFTER),
  overlap: duration,
  recheck: duration,
  retireAfter: duration,
  timeout: duration,
  onRotation: fn('a function that receives a new key'),
  onWarning: fn('a function that receives a failure'),
}
const NAME = /^[\w-]{1,40}$/
const MAX_TRIES = 20
/** How often the store is asked for unknown keys, and how long a reader waits for it, in milliseconds. */
const ASK_EVERY_MS = 1000
const ASK_WAIT_MS = 250
const NEVER = Number.POSITIVE_INFINITY

/**
 * A ring whose keys are created, rotated and kept for you, the same for every process that shares the store. Resolves
 * once it has a key.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`; `KEYRING_UNREACHABLE` if the store does not respond;
 * `KEYRING_INVALID` for a record that is damaged, or whose keys `by` cannot unwrap; `SCHEMA_NEWER`.
 * @example
 * const by = await wrappedKeyring({ service: awsKms({ keyId }), current: 'root', keys: { root } })
 * const store = sqliteKeyStore({ path: '/var/lib/app/keys.db' })
 * const ring = await storedKeyring({ by, store, rotateAfter: { age: '30d' } })
 */
export async function storedKeyring(options: StoredKeyringOptions): Promise<StoredKeyring> {
  checkOptions<StoredKeyringOptions>(options, OPTIONS, 'storedKeyring')
  const { name = 'cache', overlap = '10m', recheck = '1m' } = options
  if (!NAME.test(name))
    throw new MillpondError(
      'OPTION_INVALID',
      `storedKeyring.name: ${show(name)} is not a name: give 1 to 40 letters, digits, "_" or "-"`,
    )
  const [overlapMs, recheckMs] = [parseDuration(overlap, 'overlap'), parseDuration(recheck, 'recheck')]
  if (overlapMs < 2 * recheckMs)
    throw new MillpondError(
      'OPTION_INVALID',
      `storedKeyring.overlap: ${show(overlap)} is too short for a recheck of ${show(recheck)}: give at least twice as long, so that every process has the key before it encrypts`,
    )
  const ring = new Stored(options, name, overlapMs, recheckMs)
  await ring.check()
  return ring
}

class Stored implements StoredKeyring {
  readonly #options: StoredKeyringOptions
  readonly #record: string
  readonly #times: RotationTimes
  readonly #timeoutMs: number
  readonly #timer: NodeJS.Timeout
  #known: StoredKeys | undefined
  #opened: ReadonlyMap<string, Uint8Array> = new Map()
  /** Records encrypted here that are not reported yet. */
  #uses = new Map<string, number>()
  #asking: Promise<void> | undefined
  /**
   * This process changes the record sequentially: concurrent changes would only conflict with each other. A store call
   * that hangs delays the next change by the timeout.
   */
  #changing: Promise<unknown> = Promise.resolve()
  #isChecking = false
  #askedAt = Number.NEGATIVE_INFINITY
  #current = ''
  #nextAt = NEVER

  constructor(options: StoredKeyringOptions, name: string, overlapMs: number, recheckMs: number) {
    const { rotateAfter: { age = '90d', records = 2 ** 40 } = {}, retireAfter, timeout = '2s' } = options
    this.#options = options
    this.#record = `ring-${name}`
    const retireMs = retireAfter === undefined ? NEVER : parseDuration(retireAfter, 'retireAfter')
    this.#times = { ageMs: parseDuration(age, 'rotateAfter.age'), records, overlapMs, retireMs }
    this.#timeoutMs = parseDuration(timeout, 'timeout')
    this.#timer = unheld(setInterval(() => void this.#recheck(), recheckMs))
  }

  get current(): string {
    if (Date.now() >= this.#nextAt) this.#settle()
    return this.#current
  }

  get ids(): readonly string[] {
    return [...this.#opened.keys()]
  }

  since(id: string): number | undefined {
    return this.#known?.find((key) => key.id === id)?.activeFrom
  }

  get keys(): StoredKeyring['keys'] {
    return (this.#known ?? []).map(({ id, activeFrom, createdAt, uses }) => ({
      id,
      activeFrom,
      createdAt,
      uses: uses + (this.#uses.get(id) ?? 0),
    }))
  }

  key(id: string): Uint8Array | undefined {
    return this.#opened.get(id)
  }

  /**
   * An unknown key may have been added while this process was too busy to read the record: it reads once more, and
   * waits for a moment.
   */
  codec(options: CodecOptions): Codec {
    const codec = valueCodec({ ...options, encrypt: this })
    return {
      ...codec,
      decode: (bytes, context) => {
        if (context === undefined) return codec.decode(bytes)
        let isUnknown = false
        const reject = (why: Rejection): void => {
          isUnknown = why === 'unknown_key' && this.#mayAsk
          if (!isUnknown) context.reject?.(why)
        }
        const again = async (): Promise<DecodedParts | undefined> => {
          await this.#asked()
          return codec.decode(bytes, context)
        }
        const answer = codec.decode(bytes, { ...context, reject })
        if (answer instanceof Promise) return answer.then((found) => (isUnknown ? again() : found))
        return isUnknown ? again() : answer
      },
    }
  }

  noteUse(id: string): void {
    this.#uses.set(id, (this.#uses.get(id) ?? 0) + 1)
  }

  async check(): Promise<void> {
    await this.#change('what is due')
  }

  async rotate(): Promise<KeyRotation> {
    const rotation = await this.#change('rotation')
    if (rotation !== undefined) return rotation
    const [next] = this.#known ?? []
    if (next === undefined) throw new MillpondError('KEYRING_UNREACHABLE', 'the stored key ring has no record')
    return { id: next.id, activeFrom: next.activeFrom, because: 'asked' }
  }

  async rewrap(): Promise<void> {
    await this.#change('rewrap')
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#change('nothing').catch((error: unknown) => this.#warn(error))
  }

  toJSON(): { readonly current: string; readonly ids: readonly string[] } {
    return { current: this.current, ids: this.ids }
  }

  get #mayAsk(): boolean {
    return this.#asking !== undefined || Date.now() - this.#askedAt >= ASK_EVERY_MS
  }

  /** One read for all who meet an unknown key; a slow store delays them only for a moment. */
  async #asked(): Promise<void> {
    if (this.#asking === undefined) {
      this.#askedAt = Date.now()
      this.#asking = this.#readBehind().finally(() => {
        this.#asking = undefined
      })
    }
    await inTime(this.#asking, ASK_WAIT_MS).catch(() => {}) // then it stays unknown
  }

  /** Only reads, so it does not wait for a pending change, or for a store with slow writes. */
  async #readBehind(): Promise<void> {
    try {
      const text = await this.#answer(() => this.#options.store.get(this.#record))
      const found = text === undefined ? undefined : storedFrom(text, this.#record)
      const [newest] = this.#known ?? []
      // A record read before our own change is older than what is known.
      if (found?.some(({ id }) => id === newest?.id) === true) this.#learn(found)
    } catch (error) {
      this.#warn(error)
    }
  }

  async #checkBehind(): Promise<void> {
    await this.check().catch((error: unknown) => this.#warn(error))
  }

  /** Skipped while the previous check is still waiting for the store. */
  async #recheck(): Promise<void> {
    if (this.#isChecking) return
    this.#isChecking = true
    await this.#checkBehind()
    this.#isChecking = false
  }

  #warn(error: unknown): void {
    const { onWarning } = this.#options
    const told =
      error instanceof MillpondError
        ? error
        : new MillpondError('KEYRING_INVALID', `the stored key ring: ${reasonOf(error)}`)
    this.#tell(() => onWarning?.(told))
  }

  /** An error in a listener affects neither the ring nor its callers. */
  #tell(listener: () => void): void {
    try {
      listener()
    } catch (error) {
      process.emitWarning(`a listener of the stored key ring threw an error: ${reasonOf(error)}`, 'MillpondWarning')
    }
  }

  #change(asked: Step['asked']): Promise<KeyRotation | undefined> {
    const change = this.#changing.then(() => this.#changeNow(asked))
    this.#changing = change.catch(() => {})
    return change
  }

  /** Reads the record, applies the step, and writes it back; retries if another process was faster. */
  async #changeNow(asked: Step['asked']): Promise<KeyRotation | undefined> {
    const { store, by } = this.#options
    const [record, times] = [this.#record, this.#times]
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const before = await this.#answer(() => store.get(record))
      const found = before === undefined ? undefined : storedFrom(before, record)
      // A process that always loses the race has at least read the record.
      if (found !== undefined) this.#learn(found)
      const uses = new Map(this.#uses)
      const { keys, because } = stepOf(found, { by, record, now: Date.now(), uses, times, asked })
      const after = storedText(keys)
      if (after !== before && !(await this.#answer(() => store.put(record, after, before)))) continue
      for (const [id, count] of uses) this.#uses.set(id, (this.#uses.get(id) ?? 0) - count)
      this.#learn(keys)
      if (because === undefined) return undefined
      const rotation = { id: keys[0].id, activeFrom: keys[0].activeFrom, because }
      this.#tell(() => this.#options.onRotation?.(rotation))
      return rotation
    }
    throw new MillpondError(
      'KEYRING_UNREACHABLE',
      `the record of the stored key ring was changed by others ${MAX_TRIES} times meanwhile: try again`,
    )
  }

  #learn(keys: StoredKeys): void {
    const before = this.#opened
    const opened = new Map<string, Uint8Array>()
    for (const key of keys) {
      const bytes = before.get(key.id) ?? unwrapKey(this.#options.by, this.#record, key)
      if (bytes !== undefined) opened.set(key.id, bytes)
    }
    const sealing = keys[sealingAt(keys, Date.now())]
    if (sealing === undefined || !opened.has(sealing.id))
      throw new MillpondError(
        'KEYRING_INVALID',
        'the stored key ring: its current key cannot be unwrapped: give `by` the key that wraps it, or restore the record in the key store',
      )
    this.#known = keys
    this.#opened = opened
    this.#settle()
  }

  /** Which key encrypts now, and when the next one does. Setting a clock back does not reactivate a former key. */
  #settle(): void {
    const keys = (this.#known ?? []).filter(({ id }) => this.#opened.has(id))
    const at = sealingAt(keys, Date.now())
    const held = keys.findIndex(({ id }) => id === this.#current)
    const chosen = held < 0 ? at : Math.min(held, at)
    this.#current = keys[chosen]?.id ?? this.#current
    this.#nextAt = keys[chosen - 1]?.activeFrom ?? NEVER
  }

  async #answer<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await inTime(ask(), this.#timeoutMs)
    } catch (cause) {
      throw new MillpondError(
        'KEYRING_UNREACHABLE',
        `the key store did not answer for the stored key ring: ${reasonOf(cause)}`,
        { cause },
      )
    }
  }
}

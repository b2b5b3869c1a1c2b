// What a collection accepts as its own record: valid by its schema, and not older than the version that this process
// knows.
//
// Versions of a program that run side by side share the keys, so that invalidations apply to both. A record that the
// other has stored is upgraded (`upgrade`), or ignored.
import { refused } from '../core/checks.ts'
import type { Clock } from '../core/contracts.ts'
import { MillpondError, reasonOf, show } from '../core/errors.ts'
import { encodeKey } from '../core/key.ts'
import type { SchemaAnswer } from '../core/standard-schema.ts'
import type { CollectionOptions, RecordVersion } from '../engine/collection.ts'
import type { Fit } from '../engine/shapes.ts'

/**
 * Ids whose versions are remembered, and for how long: a source that was restored from a backup is trusted after that.
 */
const MAX_KNOWN = 10_000
const KNOWN_MS = 60_000

type Told<Id, T> = Pick<CollectionOptions<Id, T>, 'schema' | 'upgrade' | 'versionOf'>

export interface RecordsParts<Id, T> {
  readonly name: string
  readonly options: Told<Id, T>
  readonly clock: Clock
  /** A copy that cannot be changed by others. */
  readonly keep: (value: unknown) => unknown
  readonly warn: (message: string, error?: unknown) => void
}

interface Known {
  readonly version: bigint | number
  readonly at: number
}

export class Records<Id, T> {
  readonly #parts: RecordsParts<Id, T>
  /** By encoded key, the latest last. */
  readonly #known = new Map<string, Known>()
  #warnedAt = Number.NEGATIVE_INFINITY

  constructor(parts: RecordsParts<Id, T>) {
    this.#parts = parts
  }

  /** The value that a tier or a file has for a key that ends with its id. */
  readonly fit: Fit = (key, stored) => {
    try {
      const taken = this.take(stored, key.at(-1) as Id)
      if (taken === undefined) return 'other_shape'
      return this.isCurrent(encodeKey(key), taken.value) ? taken : 'older_version'
    } catch {
      return 'other_shape' // without a version
    }
  }

  /** A record of another version, in this program's form; `undefined`: impossible. */
  take(stored: unknown, id: Id): { readonly value: T } | undefined {
    const { schema, upgrade } = this.#parts.options
    if (schema === undefined || stored === null) return { value: stored as T }
    try {
      const found = answerOf(schema, stored)
      if (found.issues === undefined) return this.#kept(stored, found.value)
      const upgraded = upgrade?.(stored, id)
      if (upgraded === undefined) return undefined
      const again = answerOf(schema, upgraded)
      if (again.issues === undefined) return this.#kept(stored, again.value)
      this.#warn(
        `collection ${this.#parts.name}: upgrade of ${show(id)} returned a value that does not match the schema: ${issuesText(again.issues)}`,
      )
    } catch (error) {
      this.#warn(
        `collection ${this.#parts.name}: the stored value of ${show(id)} is not used: ${reasonOf(error)}`,
        error,
      )
    }
    return undefined
  }

  /** The source's answer, or a caller's value. @throws MillpondError `VALUE_UNSUPPORTED` */
  check(value: T, id: Id, from: string): T {
    const { schema } = this.#parts.options
    if (schema === undefined || value === null || value === undefined) return value
    const answer = answerOf(schema, value)
    if (answer.issues === undefined) return answer.value
    throw new MillpondError(
      'VALUE_UNSUPPORTED',
      `collection ${this.#parts.name}: ${from} of ${show(id)} does not match the schema: ${issuesText(answer.issues)}`,
    )
  }

  /**
   * Notes the value's version. `false`: this process has known a later one a moment ago.
   * @throws MillpondError `VALUE_UNSUPPORTED`
   */
  isCurrent(key: string, value: T): boolean {
    const version = this.#versionOf(value)
    if (version === undefined) return true
    const now = this.#parts.clock.monotonic()
    const known = this.#known.get(key)
    if (known !== undefined && known.version > version && now - known.at < KNOWN_MS) return false
    this.#known.delete(key)
    this.#known.set(key, { version, at: now })
    if (this.#known.size > MAX_KNOWN)
      for (const oldest of [...this.#known.keys()].slice(0, MAX_KNOWN / 10)) this.#known.delete(oldest)
    return true
  }

  /** The next version is accepted whatever it is. */
  forget(key: string): void {
    this.#known.delete(key)
  }

  warnOfOlder(id: Id): void {
    this.#warn(
      `collection ${this.#parts.name}: the source returned an older version of ${show(id)} than before: it was not stored`,
    )
  }

  /** Its result may be referenced elsewhere, and must not be frozen there. */
  #kept(stored: unknown, made: T): { readonly value: T } {
    return { value: made === stored ? made : (this.#parts.keep(made) as T) }
  }

  #versionOf(value: T): bigint | number | undefined {
    const { versionOf } = this.#parts.options
    if (versionOf === undefined || value === null || value === undefined) return undefined
    const version: RecordVersion = versionOf(value)
    const number = version instanceof Date ? version.getTime() : version
    if (typeof number === 'bigint' || (typeof number === 'number' && !Number.isNaN(number))) return number
    throw refused(version, `collection ${this.#parts.name}: versionOf`, 'a number, a bigint or a Date')
  }

  /** A lagging source would report the same for thousands of keys. */
  #warn(message: string, error?: unknown): void {
    const now = this.#parts.clock.monotonic()
    if (now - this.#warnedAt < KNOWN_MS) return
    this.#warnedAt = now
    this.#parts.warn(message, error)
  }
}

function answerOf<T>(schema: NonNullable<Told<never, T>['schema']>, value: unknown): SchemaAnswer<T> {
  const answer = schema['~standard'].validate(value)
  if (!(answer instanceof Promise)) return answer
  answer.catch(() => {}) // not awaited
  throw new MillpondError(
    'OPTION_INVALID',
    'schema: it validates asynchronously: give one that validates synchronously',
  )
}

function issuesText(issues: Extract<SchemaAnswer<unknown>, { readonly issues: readonly unknown[] }>['issues']): string {
  return issues
    .slice(0, 3)
    .map(({ message, path = [] }) => (path.length === 0 ? message : `${path.map(stepText).join('.')}: ${message}`))
    .join('; ')
}

const stepText = (step: unknown): string =>
  String(typeof step === 'object' && step !== null && 'key' in step ? step.key : step)

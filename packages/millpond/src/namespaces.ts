// Opening the namespaces of a cache: by their users with options, or implicitly, because stored data refers to them.
import type { MemoryStore } from './core/contracts.ts'
import { MillpondError, show } from './core/errors.ts'
import { isName } from './core/key.ts'
import type { LoadOptions } from './core/options.ts'
import { isTenantPart, namespaceOf } from './core/tenant.ts'
import type { Cache } from './engine/cache.ts'
import { describePolicy } from './engine/describe.ts'
import { ForeignNamespaces } from './engine/foreign-namespaces.ts'
import { InvalidEntrySweep } from './engine/invalid-entry-sweep.ts'
import {
  type EncodingOptions,
  isSameEncoding,
  type NamespaceOptions,
  partOptions,
  resolveEncoding,
} from './engine/namespace-options.ts'
import { openSpace, type SpaceParts } from './engine/open-space.ts'
import type { CacheSettings } from './engine/settings.ts'
import type { Space } from './engine/space.ts'
import type { ResolvedFarTier } from './tier-configuration.ts'

/** Namespaces that are opened implicitly. */
const MAX_UNNAMED = 1000
const NOTHING: EncodingOptions = Object.freeze({})

export interface NamespacesParts {
  readonly space: Omit<SpaceParts, 'foreign' | 'moved'>
  readonly settings: CacheSettings
  /** The tier that holds the ledger. */
  readonly holder: ResolvedFarTier | undefined
  /** Memory, while it is on. */
  readonly memoryStore: () => MemoryStore | undefined
  readonly cacheOf: (space: Space) => Cache
  /** From then on no namespace is opened implicitly. */
  readonly isClosing: () => boolean
}

export interface Opened {
  readonly cache: Cache
  readonly space: Space
}

export class Namespaces {
  readonly #parts: NamespacesParts
  readonly #open = new Map<string, Opened>()
  /** The codec and selection of an open namespace as set in code. */
  readonly #encodings = new Map<string, EncodingOptions>()
  readonly #foreign: ForeignNamespaces | undefined
  readonly #sweep: InvalidEntrySweep
  /** Namespaces that the code has not named yet: a restored file, or an entry computed from theirs, refers to them. */
  readonly #unnamed = new Set<string>()

  constructor(parts: NamespacesParts) {
    this.#parts = parts
    this.#foreign =
      parts.settings.common.dependencies === 'tracked'
        ? new ForeignNamespaces((namespace) => this.#knownSpace(namespace))
        : undefined
    this.#sweep = new InvalidEntrySweep(parts.space.services.clock, () => this.all.map(({ space }) => space))
  }

  /** The one cache of a namespace for as long as it is open. `options`: what differs from the cache's own. */
  open(namespace: string, options?: NamespaceOptions): Cache {
    const known = this.#open.get(namespace)
    if (known === undefined) return this.#begin(namespace, options).cache
    // A tenant's part that a restart has opened by its name gets its namespace's codec.
    const isNew = isTenantPart(namespace) && this.#unnamed.has(namespace)
    if (options !== undefined || isNew) this.#say(namespace, known.space, options ?? {})
    return known.cache
  }

  /** Opens it implicitly if it is not open yet. */
  spaceOf(namespace: string): Space {
    const known = this.#open.get(namespace)
    if (known !== undefined) return known.space
    this.#unnamed.add(namespace)
    return this.#begin(namespace, undefined).space
  }

  get(namespace: string): Opened | undefined {
    return this.#open.get(namespace)
  }

  /** Those of these names that are open, without duplicates. */
  among(names: readonly string[]): Space[] {
    return [...new Set(names)].flatMap((name) => this.#open.get(name)?.space ?? [])
  }

  get all(): readonly Opened[] {
    return [...this.#open.values()]
  }

  /** Ends the background work. */
  close(): void {
    this.#sweep.close()
  }

  isUnnamed(namespace: string): boolean {
    return this.#unnamed.has(namespace)
  }

  /** Its name is free at once. Undefined if the name belongs to another cache by now. */
  take(space: Space): Opened | undefined {
    const namespace = space.id.name
    const opened = this.#open.get(namespace)
    if (opened?.space !== space) return undefined
    this.#open.delete(namespace)
    this.#unnamed.delete(namespace)
    this.#foreign?.forget(namespace)
    this.#parts.settings.close(namespace)
    this.#encodings.delete(namespace)
    return opened
  }

  #begin(namespace: string, options: NamespaceOptions | undefined): Opened {
    const { settings, space: parts, memoryStore, cacheOf } = this.#parts
    const { code, encoding } = options === undefined ? { code: undefined, encoding: NOTHING } : partOptions(options)
    const { codec, select } = this.#encodingOf(namespace, encoding)
    const memory = memoryStore()?.space(namespace)
    const space = openSpace(
      { ...parts, foreign: this.#foreign, moved: () => this.#sweep.moved() },
      namespace,
      settings.open(namespace, code),
      memory,
      codec,
      select,
    )
    const opened = { space, cache: cacheOf(space) }
    this.#open.set(namespace, opened)
    return opened
  }

  /** A shared tier may contain any name: an invalid one, or one too many, is not opened. */
  #knownSpace(namespace: string): Space | undefined {
    const known = this.#open.get(namespace)
    if (known !== undefined) return known.space
    if (this.#parts.isClosing() || this.#unnamed.size >= MAX_UNNAMED || !(isName(namespace) || isTenantPart(namespace)))
      return undefined
    return this.spaceOf(namespace)
  }

  #say(namespace: string, space: Space, options: NamespaceOptions): void {
    const { code, encoding } = partOptions(options)
    if (this.#unnamed.has(namespace)) {
      Object.assign(space, this.#encodingOf(namespace, encoding))
      this.#parts.settings.say(namespace, code)
      this.#unnamed.delete(namespace)
      for (const { space: part } of this.#open.values())
        if (part !== space && namespaceOf(part.id.name) === namespace)
          Object.assign(part, this.#encodingOf(part.id.name, this.#encodings.get(part.id.name) ?? NOTHING))
      return
    }
    this.#checkSame(namespace, code)
    if (!isSameEncoding(this.#encodings.get(namespace) ?? NOTHING, encoding))
      throw new MillpondError(
        'OPTION_INVALID',
        `the namespace ${show(namespace)} is already open with another codec or select: create them once, and use the same ones everywhere`,
      )
  }

  /** Records that prove their position are like copies: see `createCache`. */
  #encodingOf(namespace: string, encoding: EncodingOptions): ReturnType<typeof resolveEncoding> {
    const { space, holder } = this.#parts
    // A tenant's values are stored like its namespace's, or encryption would end where tenants begin.
    const whole = { ...this.#encodings.get(namespaceOf(namespace)), ...encoding }
    const made = resolveEncoding(namespace, whole, space.services.codec, space.far)
    if (made.codec.isBound === true) holder?.use.ledger?.coverOtherTiers?.()
    this.#encodings.set(namespace, encoding)
    return made
  }

  /** Two places in the code with different options for one namespace are an error in one of them. */
  #checkSame(namespace: string, code: LoadOptions): void {
    const { settings } = this.#parts
    const known = settings.codeOf(namespace) ?? {}
    if (
      JSON.stringify(describePolicy(settings.policyOfCode(known))) ===
      JSON.stringify(describePolicy(settings.policyOfCode(code)))
    )
      return
    throw new MillpondError(
      'OPTION_INVALID',
      `the namespace ${show(namespace)} is already open with other settings, ${show(known)}: use the same everywhere, or change them with configure()`,
    )
  }
}

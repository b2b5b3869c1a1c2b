// The settings of a namespace: read by each call, while a load keeps the policy it began with.
import { type Division, dividedPolicy } from '../core/division.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import {
  DEFAULT_POLICY,
  type Dependencies,
  keptOptions,
  type LoadOptions,
  type LoadPolicy,
  resolvePolicy,
} from '../core/options.ts'
import { onceJudged } from '../core/strategies.ts'
import { namespaceOf } from '../core/tenant.ts'
import type { Relations } from '../invalidate/relations.ts'
import type { Route, Routing } from './route.ts'

/** How long a tier keeps an entry: as a multiple of its TTL, or absolutely. Never how long the entry is fresh. */
export interface Retention {
  readonly factor: number
  readonly ttlMs: number
}

export interface Settings {
  readonly policy: LoadPolicy
  /** How long memory keeps an entry. */
  readonly memoryRetention: Retention
  /** Which tiers its entries are stored in; undefined: all. */
  readonly route: Route | undefined
  readonly dependencies: Dependencies
  readonly relations: Relations
}

/** The settings shared by all namespaces. */
export type CommonSettings = Omit<Settings, 'policy' | 'route'>

/** Options from code, and changes made since, which take precedence. */
interface SettingLayers {
  readonly code: LoadOptions
  readonly changed: LoadOptions
}

interface Page extends SettingLayers {
  /** The resulting policy for all keys; `settings.policy` also contains the arms of an experiment. */
  policy: LoadPolicy
  /** One object for as long as the namespace is open, so that every holder sees each change. */
  readonly settings: { -readonly [K in keyof Settings]: Settings[K] }
}

const NOTHING: LoadOptions = Object.freeze({})

/**
 * The only writer of settings. A namespace's policy is composed of the cache's code, changes to the cache, the
 * namespace's own code, and changes to the namespace: narrower before wider, changes before code. The default namespace
 * has nothing of its own. A tenant's part follows its namespace.
 */
export class CacheSettings {
  readonly #pages = new Map<string, Page>()
  readonly common: CommonSettings
  readonly #routingOfCode: Routing
  #routing: Routing
  #cache: SettingLayers
  #memoryRetention: Retention
  #division: Division | undefined

  /** @throws MillpondError for unknown or invalid options. */
  constructor(code: LoadOptions | undefined, common: CommonSettings, routing: Routing) {
    this.common = common
    this.#routingOfCode = routing
    this.#routing = routing
    this.#memoryRetention = common.memoryRetention
    this.#cache = { code: code === undefined ? NOTHING : keptOptions(code, 'defaults'), changed: NOTHING }
    policyOf(this.#cache, DEFAULT_POLICY, 'defaults')
  }

  /** The live settings of a namespace that opens. `code`: its own, if it has any. */
  open(namespace: string, code: LoadOptions = NOTHING): Settings {
    const policy = policyOf({ code, changed: NOTHING }, this.#baseOf(namespace))
    const route = this.#routing.of(namespaceOf(namespace))
    const page: Page = {
      code: onceJudged(code),
      changed: NOTHING,
      policy,
      settings: {
        ...this.common,
        memoryRetention: this.#memoryRetention,
        policy: this.#divided(namespace, policy),
        route,
      },
    }
    this.#pages.set(namespace, page)
    // Its tenants may have been opened before it, by their names.
    if (code !== NOTHING && namespaceOf(namespace) === namespace) this.#follow()
    return page.settings
  }

  /** Sets the code options of a namespace that was opened without any. @throws MillpondError for invalid options. */
  say(namespace: string, code: LoadOptions): void {
    const page = this.#pages.get(namespace)
    if (page === undefined) return
    policyOf({ code, changed: page.changed }, this.#baseOf(namespace))
    this.#pages.set(namespace, { ...page, code: onceJudged(code) })
    this.#follow()
  }

  close(namespace: string): void {
    this.#pages.delete(namespace)
  }

  /** The code options of an open namespace. */
  codeOf(namespace: string): LoadOptions | undefined {
    return this.#pages.get(namespace)?.code
  }

  /** The policy that a namespace's code options result in now. @throws MillpondError for invalid options. */
  policyOfCode(code: LoadOptions): LoadPolicy {
    return resolvePolicy(code, this.#policy)
  }

  /** The current policy; without a name, the cache's. */
  policy(namespace?: string): LoadPolicy {
    return (namespace === undefined ? undefined : this.#pages.get(namespace)?.policy) ?? this.#policy
  }

  /** The changes so far; without a name, those of the cache. */
  changed(namespace?: string): LoadOptions {
    return (namespace === undefined ? this.#cache : this.#pages.get(namespace))?.changed ?? NOTHING
  }

  /** The policy that would result. @throws MillpondError for invalid options. */
  policyWith(changed: LoadOptions, namespace?: string): LoadPolicy {
    if (namespace === undefined) return policyOf({ ...this.#cache, changed }, DEFAULT_POLICY)
    return policyOf({ code: this.codeOf(namespace) ?? NOTHING, changed }, this.#baseOf(namespace))
  }

  /** Applies to calls that begin from now on, in every affected namespace. */
  change(changed: LoadOptions, namespace?: string): void {
    this.policyWith(changed, namespace)
    if (namespace === undefined) this.#cache = { ...this.#cache, changed }
    else {
      const page = this.#pages.get(namespace)
      if (page !== undefined) this.#pages.set(namespace, { ...page, changed })
    }
    this.#follow()
  }

  set memoryRetention(retention: Retention) {
    this.#memoryRetention = retention
    for (const { settings } of this.#pages.values()) settings.memoryRetention = retention
  }

  get memoryRetention(): Retention {
    return this.#memoryRetention
  }

  /** Gives groups of keys (experiment arms) their own settings; undefined: ends that. */
  set division(division: Division | undefined) {
    this.#division = division
    this.#follow()
  }

  get division(): Division | undefined {
    return this.#division
  }

  /** The current rules. */
  get routing(): Routing {
    return this.#routing
  }

  get routingOfCode(): Routing {
    return this.#routingOfCode
  }

  /** Applies to entries stored from now on. */
  set routing(routing: Routing) {
    this.#routing = routing
    for (const [name, { settings }] of this.#pages) settings.route = routing.of(namespaceOf(name))
  }

  #divided(name: string, policy: LoadPolicy): LoadPolicy {
    const division = this.#division
    const isConcerned =
      division !== undefined && (division.namespace === undefined || division.namespace === namespaceOf(name))
    return isConcerned ? dividedPolicy(policy, division) : policy
  }

  get #policy(): LoadPolicy {
    return policyOf(this.#cache, DEFAULT_POLICY)
  }

  /** The policy that a namespace's own settings extend. */
  #baseOf(name: string): LoadPolicy {
    const namespace = namespaceOf(name)
    return namespace === name ? this.#policy : this.policy(namespace)
  }

  /** Namespaces first: their tenants follow them. */
  #follow(): void {
    const base = this.#policy
    const parts: [string, Page][] = []
    for (const entry of this.#pages) {
      const [name, page] = entry
      if (namespaceOf(name) === name) page.policy = policyOf(page, base)
      else parts.push(entry)
    }
    for (const [name, page] of parts) page.policy = policyOf(page, this.#baseOf(name))
    for (const [name, page] of this.#pages) page.settings.policy = this.#divided(name, page.policy)
  }
}

const policyOf = ({ code, changed }: SettingLayers, base: LoadPolicy, at?: string): LoadPolicy =>
  resolvePolicy(changed, resolvePolicy(code, base, at))

/** @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`. */
export function retentionOf(
  { ttlFactor, ttl }: { readonly ttlFactor?: number | undefined; readonly ttl?: Duration | undefined },
  factor: number,
): Retention {
  const value = ttlFactor ?? factor
  if (typeof value !== 'number' || !(value > 0) || value > 1000)
    throw new MillpondError(
      'OPTION_INVALID',
      `ttlFactor: ${show(value)} is not allowed: give a number above 0 and up to 1000`,
    )
  return { factor: value, ttlMs: ttl === undefined ? Number.POSITIVE_INFINITY : parseDuration(ttl, 'ttl') }
}

// Which tiers an entry goes to: rules by namespace, size and tags; the first that fits decides, and where none does, every tier.
//
// Where a tier can hold nothing of a namespace it is not asked. Size and tags are known only once there is an entry: so a tier that some rule leaves
// out for them is still asked, and what it holds of a key is dropped when the key's entry goes elsewhere.
import { MillpondError, show } from '../core/errors.ts'
import { checkNames } from '../core/options.ts'
import type { Found } from './found.ts'

/** One rule of `route`. */
export interface RouteRule {
  /** What the entry must be, all of it together. Default: anything. */
  readonly when?: {
    readonly namespace?: string | readonly string[]
    /** The entry has one of these. */
    readonly tags?: readonly string[]
    /** Estimated bytes of the value in memory, at least. */
    readonly minBytes?: number
    /** The same, at most. */
    readonly maxBytes?: number
  }
  /** Names of tiers, `'memory'` among them; none: such entries are loaded each time, and kept nowhere. */
  readonly tiers: readonly string[]
}

type Routed = Pick<Found, 'value' | 'isolated' | 'tags'>

/** The rules of a namespace. */
export interface Route {
  /** Whether the tier may hold anything of this namespace. */
  mayHold(tier: string): boolean
  /** Whether the entry goes to the tier. */
  takes(tier: string, entry: Routed): boolean
}

interface Rule {
  readonly tags: readonly string[] | undefined
  readonly minBytes: number
  readonly maxBytes: number
  readonly tiers: ReadonlySet<string>
}

const RULE_NAMES = new Set(['when', 'tiers'])
const WHEN_NAMES = new Set(['namespace', 'tags', 'minBytes', 'maxBytes'])
export const MEMORY = 'memory'

/**
 * Answers the rules of a namespace; undefined where none concerns it.
 * @param weigh estimated bytes of a value that memory does not hold.
 * @throws MillpondError `OPTION_INVALID` for tiers that are not there, and garbage.
 */
export function routes(
  given: unknown,
  tiers: readonly string[],
  weigh: (value: unknown) => number,
): (namespace: string) => Route | undefined {
  if (given === undefined) return () => undefined
  if (!Array.isArray(given)) throw invalid('route', given, 'is not a list of rules: give [{ when: { minBytes: 100_000 }, tiers: [...] }]')
  const rules = given.map((rule: unknown, index) => checkRule(rule, `route[${index}]`, tiers))
  return (namespace) => {
    const concerning = rules.filter(({ namespaces }) => namespaces === undefined || namespaces.includes(namespace))
    return concerning.length === 0 ? undefined : routeOf(concerning, weigh)
  }
}

function routeOf(rules: readonly Rule[], weigh: (value: unknown) => number): Route {
  // Behind a rule that fits everything no other is reached.
  const end = rules.findIndex(
    ({ tags, minBytes, maxBytes }) => tags === undefined && minBytes === 0 && maxBytes === Number.POSITIVE_INFINITY,
  )
  const reached = end < 0 ? rules : rules.slice(0, end + 1)
  const needsBytes = reached.some(({ minBytes, maxBytes }) => minBytes > 0 || maxBytes < Number.POSITIVE_INFINITY)
  return {
    mayHold: (tier) => end < 0 || reached.some(({ tiers }) => tiers.has(tier)),
    takes: (tier, { value, isolated, tags }) => {
      const bytes = needsBytes ? (isolated?.bytes ?? weigh(value)) : 0
      const rule = reached.find(
        (one) => bytes >= one.minBytes && bytes <= one.maxBytes && (one.tags === undefined || one.tags.some((tag) => tags.includes(tag))),
      )
      return rule === undefined || rule.tiers.has(tier)
    },
  }
}

function checkRule(given: unknown, where: string, known: readonly string[]): Rule & { readonly namespaces: readonly string[] | undefined } {
  if (typeof given !== 'object' || given === null) throw invalid(where, given, 'is not a rule: give { when, tiers }')
  checkNames(given, RULE_NAMES, `option of ${where}`)
  const { when = {}, tiers }: { when?: unknown; tiers?: unknown } = given
  if (typeof when !== 'object' || when === null)
    throw invalid(`${where}.when`, when, 'is not a condition: give { namespace, tags, minBytes }')
  checkNames(when, WHEN_NAMES, `option of ${where}.when`)
  const { namespace, tags, minBytes = 0, maxBytes = Number.POSITIVE_INFINITY }: Record<string, unknown> = { ...when }
  const named = texts(tiers, `${where}.tiers`)
  const odd = named.find((name) => !known.includes(name))
  if (odd !== undefined) throw invalid(`${where}.tiers`, odd, `is none of this cache's tiers: ${known.join(', ')}`)
  return {
    namespaces:
      namespace === undefined ? undefined : typeof namespace === 'string' ? [namespace] : texts(namespace, `${where}.when.namespace`),
    tags: tags === undefined ? undefined : texts(tags, `${where}.when.tags`),
    minBytes: bytes(minBytes, `${where}.when.minBytes`),
    maxBytes: bytes(maxBytes, `${where}.when.maxBytes`),
    tiers: new Set(named),
  }
}

function texts(given: unknown, where: string): readonly string[] {
  if (Array.isArray(given) && given.every((one) => typeof one === 'string')) return given
  throw invalid(where, given, 'is not a list of names')
}

function bytes(given: unknown, where: string): number {
  if (typeof given === 'number' && given >= 0) return given
  throw invalid(where, given, 'is not a number of bytes')
}

function invalid(where: string, value: unknown, why: string): MillpondError {
  return new MillpondError('OPTION_INVALID', `${where}: ${show(value)} ${why}`)
}

// Which tiers an entry goes to: rules by namespace, size and tags; the first that fits decides, and where none does, every tier.
//
// Where a tier can hold nothing of a namespace it is not asked. Size and tags are known only once there is an entry: so a tier that some rule leaves
// out for them is still asked, and what it holds of a key is dropped when the key's entry goes elsewhere.
import { check, listOf, oneOrMore, options, refused, required, type Shape, text, texts } from '../core/checks.ts'
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

const bytes = check((value): value is number => typeof value === 'number' && value >= 0, 'a number of bytes')
const names = texts('a list of names')
const WHEN: Shape<NonNullable<RouteRule['when']>> = {
  namespace: oneOrMore(text, 'a name, or a list of names'),
  tags: names,
  minBytes: bytes,
  maxBytes: bytes,
}
const RULE: Shape<RouteRule> = { when: options(WHEN), tiers: required(names) }
const RULES = listOf<RouteRule>(options(RULE), 'a list of rules, such as [{ when: { minBytes: 100_000 }, tiers: [...] }]')
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
  const rules = RULES(given, 'route').map((rule, index) => ruleOf(rule, `route[${index}]`, tiers))
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

function ruleOf(
  { when = {}, tiers }: RouteRule,
  at: string,
  known: readonly string[],
): Rule & { readonly namespaces: readonly string[] | undefined } {
  const odd = tiers.find((name) => !known.includes(name))
  if (odd !== undefined) throw refused(odd, `${at}.tiers`, `names of this cache's tiers: ${known.join(', ')}`)
  const { namespace, tags, minBytes = 0, maxBytes = Number.POSITIVE_INFINITY } = when
  return {
    namespaces: namespace === undefined ? undefined : [namespace].flat(),
    tags,
    minBytes,
    maxBytes,
    tiers: new Set(tiers),
  }
}

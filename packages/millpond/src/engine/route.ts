// Which tiers an entry is stored in: rules by namespace, priority, size and tags; the first that matches decides, and
// if none does, every tier.
//
// A tier that can hold nothing of a namespace, or no entry matching what the caller of a load has declared, is not
// read. Size is known only once there is an entry: so a tier that some rule excludes by size is still read, but such
// entries are not accepted from it, and it drops the key when the key's entry is stored elsewhere. What a change of the
// rules leaves behind is removed by `reroute.ts`.
import { check, listOf, oneOf, oneOrMore, options, refused, type Shape, text, texts } from '../core/checks.ts'
import { type Priority, priorityOf } from '../core/dependency.ts'
import { MillpondError } from '../core/errors.ts'
import { checkTags } from '../core/key.ts'
import type { Found } from './found.ts'

/** One rule of `route`. */
export interface RouteRule {
  /** Conditions that must all hold. Default: anything. */
  readonly when?:
    | {
        readonly namespace?: string | readonly string[] | undefined
        /** The priority it was stored with: `priority` of `set` and loads, of a collection or of the defaults. */
        readonly priority?: Priority | readonly Priority[] | undefined
        /** The entry has one of these. */
        readonly tags?: readonly string[] | undefined
        /** Minimum estimated bytes of the value in memory. */
        readonly minBytes?: number | undefined
        /** Maximum estimated bytes of the value in memory. */
        readonly maxBytes?: number | undefined
      }
    | undefined
  /** Names of tiers to store it in, including `'memory'`; empty: such entries are loaded each time, and not stored. */
  readonly tiers?: readonly string[] | undefined
  /** Instead of `tiers`: every tier except these; at least one must be left. */
  readonly except?: readonly string[] | undefined
}

type Routed = Pick<Found, 'value' | 'isolated' | 'tags'>

/** The rules of a namespace. */
export interface Route {
  /** Identifies the route: the rules that concern the namespace. */
  readonly text: string
  /** Whether some entries of this namespace are not stored in the tier. */
  leavesOut(tier: string): boolean
  /** Whether the tier may hold anything of this namespace; with tags: an entry known to have these. */
  mayHold(tier: string, tags?: readonly string[]): boolean
  /** Whether the entry is stored in the tier. */
  takes(tier: string, entry: Routed): boolean
}

/** The rules of a cache. */
export interface Routing {
  /** The rules as given. */
  readonly rules: readonly RouteRule[]
  /** Undefined if no rule concerns the namespace: its entries go everywhere. */
  of(namespace: string): Route | undefined
}

interface Rule {
  readonly given: RouteRule
  readonly priorities: readonly Priority[] | undefined
  readonly tags: readonly string[] | undefined
  readonly minBytes: number
  readonly maxBytes: number
  readonly tiers: ReadonlySet<string>
}

const bytes = check((value): value is number => typeof value === 'number' && value >= 0, 'a number of bytes')
const names = texts('a list of names')
const WHEN: Shape<NonNullable<RouteRule['when']>> = {
  namespace: oneOrMore(text, 'a name, or a list of names'),
  priority: oneOrMore(oneOf('high', 'medium', 'low'), "'high', 'medium', 'low', or a list of them"),
  tags: names,
  minBytes: bytes,
  maxBytes: bytes,
}
const RULE: Shape<RouteRule> = { when: options(WHEN), tiers: names, except: names }
const RULES = listOf<RouteRule>(
  options(RULE),
  'a list of rules, such as [{ when: { minBytes: 100_000 }, tiers: [...] }]',
)
export const MEMORY = 'memory'

/**
 * @param weigh estimated bytes of a value that memory does not hold.
 * @throws MillpondError `OPTION_INVALID` for unknown tiers and invalid rules; `TAG_INVALID`.
 */
export function routing(given: unknown, tiers: readonly string[], weigh: (value: unknown) => number): Routing {
  if (given === undefined) return NO_RULES
  // The caller may modify them later.
  const kept = RULES(given, 'route').map((rule) => structuredClone(rule))
  const rules = kept.map((rule, index) => ruleOf(rule, `route[${index}]`, tiers))
  return {
    rules: kept,
    of: (namespace) => {
      const concerning = rules.filter(({ namespaces }) => namespaces === undefined || namespaces.includes(namespace))
      return concerning.length === 0 ? undefined : routeOf(concerning, tiers, weigh)
    },
  }
}

const NO_RULES: Routing = { rules: [], of: () => undefined }

function routeOf(rules: readonly Rule[], tiers: readonly string[], weigh: (value: unknown) => number): Route {
  // Rules after one that matches everything are unreachable.
  const end = rules.findIndex((rule) => isOfAnySize(rule) && rule.tags === undefined && rule.priorities === undefined)
  const reached = end < 0 ? rules : rules.slice(0, end + 1)
  const needsBytes = reached.some((rule) => !isOfAnySize(rule))
  const needsPriority = reached.some(({ priorities }) => priorities !== undefined)
  const priorityIn = (tags: readonly string[]): Priority => (needsPriority ? priorityOf(tags) : 'medium')
  return {
    text: JSON.stringify([tiers, reached.map(({ given }) => given)]),
    leavesOut: (tier) => reached.some((rule) => !rule.tiers.has(tier)),
    mayHold: (tier, tags) => {
      // Some tags may still be missing; the default priority may simply not have been declared.
      const told = tags === undefined ? 'medium' : priorityIn(tags)
      for (const rule of reached) {
        if (told !== 'medium' && !hasPriority(rule, told)) continue
        if (rule.tiers.has(tier)) return true
        const isDecided = rule.priorities === undefined || told !== 'medium'
        if (isDecided && isOfAnySize(rule) && (rule.tags === undefined || (tags !== undefined && hasTag(rule, tags))))
          return false
      }
      return true
    },
    takes: (tier, { value, isolated, tags }) => {
      const bytes = needsBytes ? (isolated?.bytes ?? weigh(value)) : 0
      const priority = priorityIn(tags)
      const rule = reached.find(
        (one) =>
          bytes >= one.minBytes &&
          bytes <= one.maxBytes &&
          (one.tags === undefined || hasTag(one, tags)) &&
          (one.priorities === undefined || one.priorities.includes(priority)),
      )
      return rule === undefined || rule.tiers.has(tier)
    },
  }
}

const isOfAnySize = ({ minBytes, maxBytes }: Rule): boolean => minBytes === 0 && maxBytes === Number.POSITIVE_INFINITY
const hasPriority = ({ priorities }: Rule, priority: Priority): boolean =>
  priorities === undefined || priorities.includes(priority)
const hasTag = (rule: Rule, tags: readonly string[]): boolean => rule.tags?.some((tag) => tags.includes(tag)) === true

function ruleOf(
  given: RouteRule,
  at: string,
  known: readonly string[],
): Rule & { readonly namespaces: readonly string[] | undefined } {
  const { when = {}, tiers, except } = given
  const { namespace, priority, tags, minBytes = 0, maxBytes = Number.POSITIVE_INFINITY } = when
  if (tags !== undefined) checkTags(tags)
  return {
    given,
    namespaces: namespace === undefined ? undefined : [namespace].flat(),
    priorities: priority === undefined ? undefined : [priority].flat(),
    tags,
    minBytes,
    maxBytes,
    tiers: new Set(tiersOf(tiers, except, at, known)),
  }
}

function tiersOf(
  tiers: readonly string[] | undefined,
  except: readonly string[] | undefined,
  at: string,
  known: readonly string[],
): readonly string[] {
  const given = tiers ?? except
  if (given === undefined || (tiers !== undefined && except !== undefined))
    throw new MillpondError(
      'OPTION_INVALID',
      `${at}.tiers: ${given === undefined ? 'no destination is given for such entries' : 'is given together with except'}: give tiers, or except`,
    )
  const odd = given.find((name) => !known.includes(name))
  if (odd !== undefined)
    throw refused(
      odd,
      `${at}.${tiers === undefined ? 'except' : 'tiers'}`,
      `names of this cache's tiers: ${known.join(', ')}`,
    )
  if (tiers !== undefined) return tiers
  const left = known.filter((name) => !given.includes(name))
  if (left.length > 0) return left
  throw new MillpondError(
    'OPTION_INVALID',
    `${at}.except: ${given.join(', ')} are all tiers of this cache: leave one, or use tiers: [] if such entries are not to be stored at all`,
  )
}

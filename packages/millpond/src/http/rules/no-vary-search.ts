// No-Vary-Search: query parameters that do not change the answer (draft-ietf-httpbis-no-vary-search). If it is
// unreadable the whole query counts.
import { parseQueryRule } from './structured.ts'

/** Which parts of a query count. */
export interface QueryRule {
  /** The order of the names is ignored. */
  readonly ignoresOrder: boolean
  /** `all`: only `except` counts; otherwise everything but these counts. */
  readonly ignored: 'all' | readonly string[]
  readonly except: readonly string[]
}

/** `undefined`: the whole query counts, in its order. */
export function queryRuleOf(text: string | undefined): QueryRule | undefined {
  if (text === undefined) return undefined
  const members = parseQueryRule(text)
  if (members === undefined) return undefined
  const order = members.get('key-order')
  const params = members.get('params')
  const except = members.get('except')
  if (
    !isFlagOrAbsent(order) ||
    !(isFlagOrAbsent(params) || isNames(params)) ||
    !(except === undefined || isNames(except))
  )
    return undefined
  // `except` only has a meaning with a bare `params`.
  if (except !== undefined && params !== true) return undefined
  const ignored = params === true ? 'all' : isNames(params) ? params : []
  if (order !== true && ignored !== 'all' && ignored.length === 0) return undefined
  return { ignoresOrder: order === true, ignored, except: isNames(except) ? except : [] }
}

const isFlagOrAbsent = (value: unknown): value is boolean | undefined =>
  value === undefined || typeof value === 'boolean'
const isNames = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((name) => typeof name === 'string')

/** The query as the rule sees it: queries with the same result may share an answer. `query` without the `?`. */
export function reducedQuery(query: string, rule: QueryRule): string {
  const counts = (name: string): boolean =>
    rule.ignored === 'all' ? rule.except.includes(name) : !rule.ignored.includes(name)
  const pairs = [...new URLSearchParams(query)].filter(([name]) => counts(name))
  // A stable sort: the order of values of the same name counts.
  if (rule.ignoresOrder) pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return new URLSearchParams(pairs).toString()
}

// The origin's rules about queries (No-Vary-Search), by path, as this process has seen them.
import { fieldValue, type RawFields } from './rules/fields.ts'
import { type QueryRule, queryRuleOf, reducedQuery } from './rules/no-vary-search.ts'

/** Paths that are remembered; the oldest are dropped, and their queries count as a whole again. */
const MOST_PATHS = 1000

export class QueryRules {
  readonly #rules = new Map<string, QueryRule>()

  /** The URL that stands for all with an equivalent query. */
  reduce(url: string): string {
    if (this.#rules.size === 0) return url
    const mark = url.indexOf('?')
    const path = mark < 0 ? url : url.slice(0, mark)
    const rule = this.#rules.get(path)
    if (rule === undefined) return url
    const query = reducedQuery(mark < 0 ? '' : url.slice(mark + 1), rule)
    return query === '' ? path : `${path}?${query}`
  }

  /** From a successful stored answer: the latest one counts. */
  learn(url: string, status: number, fields: RawFields): void {
    if (status !== 200) return
    const mark = url.indexOf('?')
    const path = mark < 0 ? url : url.slice(0, mark)
    const rule = queryRuleOf(fieldValue(fields, 'no-vary-search'))
    this.#rules.delete(path)
    if (rule === undefined) return
    this.#rules.set(path, rule)
    if (this.#rules.size > MOST_PATHS) this.#rules.delete(this.#rules.keys().next().value as string)
  }
}

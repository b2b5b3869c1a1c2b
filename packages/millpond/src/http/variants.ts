// The index of a URL: which of its stored answers a request selects (RFC 9111 4.1).
import type { AnswerMeta } from './rules/answer.ts'
import type { RequestFacts } from './rules/request.ts'
import { secondaryKey } from './rules/vary.ts'

/** Variants of a URL that are remembered; the oldest are forgotten. */
const MAX_VARIANTS = 128
const MAX_SELECTIONS = 4
/** Behind the secondary key of a part (206). */
export const PART = '\u0001part'

/** The answers of one URL that one set of `Vary` names selects, newest first. */
export interface Selection {
  readonly names: readonly string[]
  readonly keys: readonly string[]
  readonly ids: readonly string[]
  /** The whole key of the first answer: most URLs have one, and a hit puts no string together for it. */
  readonly first: string
}

export interface Index {
  readonly selections: readonly Selection[]
  /** When the last of its answers is over. */
  readonly until: number
}

/** The key of the newest answer whose selecting fields the request matches (RFC 9111 4.1). */
export function select(primary: string, { selections }: Index, request: RequestFacts, suffix = ''): string | undefined {
  for (const { names, keys, ids, first } of selections) {
    const key = names.length === 0 ? suffix : secondaryKey(request, names) + suffix
    const at = keys.indexOf(key)
    if (at >= 0) return at === 0 ? first : answerKey(primary, ids[at] as string)
  }
  return undefined
}

/** The selections of a URL with this answer as the newest. */
export function withFirst(
  primary: string,
  selections: readonly Selection[],
  request: RequestFacts,
  answer: AnswerMeta & { readonly id: string },
): Selection[] {
  const names = answer.vary
  const key = secondaryKey(request, names) + (answer.part === undefined ? '' : PART)
  const same = selections.find((selection) => selection.names.join() === names.join())
  const others = selections.filter((selection) => selection !== same)
  const kept = (same?.keys ?? []).flatMap((known, at) => {
    const id = same?.ids[at]
    return id === undefined || known === key ? [] : [[known, id] as const]
  })
  const pairs = [[key, answer.id] as const, ...kept].slice(0, MAX_VARIANTS)
  const selection = { names, keys: pairs.map(([known]) => known), ids: pairs.map(([, id]) => id), first: answerKey(primary, answer.id) }
  return [selection, ...others].slice(0, MAX_SELECTIONS)
}

export const answerKey = (primary: string, id: string): string => `${primary}\n${id}`

// The index of a URL: which of its stored answers a request selects (RFC 9111 4.1).
import type { AnswerMeta } from './rules/answer.ts'
import type { RequestFacts } from './rules/request.ts'
import { secondaryKey } from './rules/vary.ts'

/** Variants of a URL that are remembered; the oldest are dropped. */
const MAX_VARIANTS = 128
const MAX_SELECTIONS = 4
/** Bodies of a URL that stay for clients that are still reading them; the oldest are dropped. */
export const MAX_LEAVING = 128
/** Appended to the secondary key of a part (206). */
export const PART = '\u0001part'

/** The answers of one URL that one set of `Vary` names selects, newest first. */
export interface Selection {
  readonly names: readonly string[]
  readonly keys: readonly string[]
  readonly ids: readonly string[]
  /** The whole key of the first answer: most URLs have one, so a hit needs no concatenation. */
  readonly first: string
}

export interface Index {
  readonly selections: readonly Selection[]
  /** When the last of its answers expires. */
  readonly until: number
  /** Of those in pieces. */
  readonly bodies?: readonly Body[]
  /** Bodies that a change has left without an answer, and when: a slow client may still be reading them. */
  readonly leaving?: readonly (Body & { readonly at: number })[]
}

/** A body in pieces. */
export interface Body {
  /** Its answer; a freshened one has the same body under another id. */
  readonly of: string
  readonly id: string
  readonly pieces: number
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

/** The selections of a URL with this answer as the newest, and without the one that it replaces. */
export function withFirst(
  primary: string,
  selections: readonly Selection[],
  request: RequestFacts,
  answer: AnswerMeta & { readonly id: string },
  replaced: string | undefined,
): Selection[] {
  const names = answer.vary
  const key = secondaryKey(request, names) + (answer.part === undefined ? '' : PART)
  const isSame = (selection: Selection): boolean => selection.names.join() === names.join()
  const same = selections.find(isSame)
  const kept = same === undefined ? [] : pairsOf(same).filter(([known, id]) => known !== key && id !== replaced)
  const first = selectionOf(primary, names, [[key, answer.id], ...kept])
  const others = selections.flatMap((selection) => {
    if (isSame(selection)) return []
    const pairs = pairsOf(selection)
    const left = pairs.filter(([, id]) => id !== replaced)
    return left.length === pairs.length
      ? [selection]
      : left.length === 0
        ? []
        : [selectionOf(primary, selection.names, left)]
  })
  return [first, ...others].slice(0, MAX_SELECTIONS)
}

/** A key and the id of its answer. */
type Pair = readonly [string, string]

const pairsOf = ({ keys, ids }: Selection): Pair[] => keys.map((key, at) => [key, ids[at] as string])

function selectionOf(primary: string, names: readonly string[], all: readonly Pair[]): Selection {
  const pairs = all.slice(0, MAX_VARIANTS)
  const ids = pairs.map(([, id]) => id)
  return { names, keys: pairs.map(([key]) => key), ids, first: answerKey(primary, ids[0] as string) }
}

/** All answers that a URL's selections reference. */
export const idsOf = (selections: readonly Selection[]): string[] => selections.flatMap(({ ids }) => ids)

export const answerKey = (primary: string, id: string): string => `${primary}\n${id}`

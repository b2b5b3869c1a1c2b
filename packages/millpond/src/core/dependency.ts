// Tags for what an entry was computed from, and for its priority. They begin with control characters that users' tags
// may not begin with.
import type { Position } from './ledger.ts'

const MARK = '\u0001'
const MARK_CODE = 1
const ABROAD = '\u0002'
const ABROAD_CODE = 2
const PRIORITY = '\u0003'
const PRIORITY_CODE = 3

/** The importance of an entry to its owner. Only rules of `route` use it. */
export type Priority = 'high' | 'medium' | 'low'

/** The tag of entries computed from the key. */
export const dependencyTag = (key: string): string => `${MARK}${key}`

/** The key that such a tag names; undefined for a user's tag. */
export const dependencyKey = (tag: string): string | undefined =>
  tag.charCodeAt(0) === MARK_CODE ? tag.slice(1) : undefined

/** An entry of another namespace, as it was read: judged by that namespace's ledger only. */
export interface ForeignEntry {
  readonly namespace: string
  readonly asOf: Position
  readonly key: string
  /** That entry's tags. */
  readonly tags: readonly string[]
}

/**
 * The tags of what was computed from the entry: includes what the entry itself was computed from in other namespaces,
 * but not its priority.
 */
export function foreignTags({ namespace, asOf, key, tags }: ForeignEntry): readonly string[] {
  const its = tags.filter((tag) => !isForeignTag(tag) && !isPriority(tag))
  return [`${ABROAD}${JSON.stringify([namespace, asOf.epoch, asOf.seq, key, ...its])}`, ...tags.filter(isForeignTag)]
}

export const isForeignTag = (tag: string): boolean => tag.charCodeAt(0) === ABROAD_CODE

/** What such a tag names; undefined if it was not written by `foreignTags`. */
export function parseForeignTag(tag: string): ForeignEntry | undefined {
  try {
    const [namespace, epoch, seq, ...names]: unknown[] = JSON.parse(tag.slice(1))
    if (typeof namespace !== 'string' || typeof epoch !== 'string' || typeof seq !== 'number') return undefined
    if (!names.every((name) => typeof name === 'string')) return undefined
    const [key, ...tags] = names
    return key === undefined ? undefined : { namespace, asOf: { epoch, seq }, key, tags: [dependencyTag(key), ...tags] }
  } catch {
    return undefined
  }
}

/** Only the users' tags. */
export function ownTags(tags: readonly string[]): readonly string[] {
  return tags.some(isInner) ? tags.filter((tag) => !isInner(tag)) : tags
}

/** A tag that the engine makes. */
export const isInner = (tag: string): boolean => tag.charCodeAt(0) === MARK_CODE || isForeignTag(tag) || isPriority(tag)

const isPriority = (tag: string): boolean => tag.charCodeAt(0) === PRIORITY_CODE

/** The tags without a priority: what others inherit from the entry. */
export const withoutPriority = (tags: readonly string[]): readonly string[] =>
  tags.some(isPriority) ? tags.filter((tag) => !isPriority(tag)) : tags

/** The priority is stored as a tag, so that it is known wherever the entry is found: `medium` has no tag. */
export const withPriority = (tags: readonly string[], priority: Priority): readonly string[] =>
  priority === 'medium' ? withoutPriority(tags) : Object.freeze([...withoutPriority(tags), `${PRIORITY}${priority}`])

export function priorityOf(tags: readonly string[]): Priority {
  const mark = tags.find(isPriority)?.slice(1)
  return mark === 'high' || mark === 'low' ? mark : 'medium'
}

// Maps Next's names to keys and tags: names that are too long, or could not be distinguished in every tier, are hashed.
import { createHash } from 'node:crypto'
import type { Key } from '../core/key.ts'

/** The longest name that is kept as it is: the limit of a tag, and a longer key costs its length in every tier. */
const MOST = 1024
/** Names from U+0001 to U+0003 are reserved by the cache. */
const FIRST = 4

const isPlain = (name: string): boolean =>
  name.length > 0 && name.length <= MOST && name.isWellFormed() && name.charCodeAt(0) >= FIRST

/** Of UTF-16, which distinguishes lone surrogates. */
const hashOf = (name: string): string => createHash('sha256').update(Buffer.from(name, 'utf16le')).digest('base64url')

/** The key of an entry: Next composes its name from all arguments of a function, however long they are. */
export const keyOf = (name: string): Key => (isPlain(name) ? name : ['#', hashOf(name)])

/** Without empty tags, which nothing can revalidate. Tags of paths are as long as their paths. */
export const tagsOf = (names: readonly string[]): string[] =>
  names.flatMap((name) => (isPlain(name) ? [name] : name === '' ? [] : [`#${hashOf(name)}`]))

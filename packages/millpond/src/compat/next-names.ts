// Names of Next as keys and tags here: what is too long for either, or could not be told apart in every tier, stands
// there by its hash.
import { createHash } from 'node:crypto'
import type { Key } from '../core/key.ts'

/** Characters of a name that is kept as it is: a tag may have no more, and a longer key costs every tier its length. */
const MOST = 1024
/** U+0001 to U+0003 begin names of the cache's own. */
const FIRST = 4

const isPlain = (name: string): boolean =>
  name.length > 0 && name.length <= MOST && name.isWellFormed() && name.charCodeAt(0) >= FIRST

/** Over UTF-16, in which lone surrogates differ. */
const hashOf = (name: string): string => createHash('sha256').update(Buffer.from(name, 'utf16le')).digest('base64url')

/** Of an entry: Next makes it of all arguments of a function, however long they are. */
export const keyOf = (name: string): Key => (isPlain(name) ? name : ['#', hashOf(name)])

/** Without empty ones, which nothing can revalidate. Tags of paths are as long as their paths. */
export const tagsOf = (names: readonly string[]): string[] =>
  names.flatMap((name) => (isPlain(name) ? [name] : name === '' ? [] : [`#${hashOf(name)}`]))

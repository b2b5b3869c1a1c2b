// How an asset is named in the store, and how long a browser keeps it.
import { posix } from 'node:path'
import { invalid } from './walk.ts'

/**
 * `hash`: the content's hash becomes part of the name, which is never reused. `hashed`: the build has already put one
 * there. `keep`: an address that people and programs know, such as a page's.
 */
export type Naming = 'hash' | 'hashed' | 'keep'

/** A year is the longest that HTTP caches are asked to trust. */
export const IMMUTABLE = 'public, max-age=31536000, immutable'
/** Stored, and revalidated before each use. */
export const REVALIDATED = 'public, no-cache'

const HASH_LENGTH = 16
/** S3's limit, in bytes of UTF-8, less room for a prefix and a variant's suffix. */
const MAX_KEY_BYTES = 900
/** Well-known names. */
const KNOWN =
  /(?:^|\/)(?:[^/]+\.html?|robots\.txt|humans\.txt|security\.txt|ads\.txt|favicon\.ico|apple-touch-icon[^/]*\.png|sitemap[^/]*\.xml|[^/]+\.webmanifest|manifest\.json|browserconfig\.xml|sw\.js|service-?worker\.js|CNAME)$|^\.well-known\//

/** Pages, icons, manifests and service workers are requested by name; everything else is referenced. */
export const usualNaming = (path: string): Naming => (KNOWN.test(path) ? 'keep' : 'hash')

/** `css/app.min.css` as `css/app.min.3f9c2a1b7d4e8f60.css`. */
export function keyOf(path: string, naming: Naming, sha256: string): string {
  const { dir, name, ext } = posix.parse(path)
  const key = naming === 'hash' ? posix.join(dir, `${name}.${sha256.slice(0, HASH_LENGTH)}${ext}`) : path
  if (Buffer.byteLength(key) > MAX_KEY_BYTES)
    throw invalid(
      path,
      `has a name of ${Buffer.byteLength(key)} bytes, and at most ${MAX_KEY_BYTES} are allowed: shorten it`,
    )
  return key
}

/** Whether `keyOf` could have made this key from this path, with any content. */
export function isVersionOf(path: string, key: string): boolean {
  const { dir, name, ext } = posix.parse(path)
  const [before, after] = [`${posix.join(dir, name)}.`, ext]
  if (!key.startsWith(before)) return false
  const rest = key.slice(before.length).replace(/\.(?:br|gz|zst)$/, '')
  return rest.endsWith(after) && /^[0-9a-f]{16}$/.test(rest.slice(0, rest.length - after.length))
}

/** A key as a part of a URL. */
export const encodedKey = (key: string): string =>
  key
    .split('/')
    .map((part) => encodeURIComponent(part))
    .join('/')

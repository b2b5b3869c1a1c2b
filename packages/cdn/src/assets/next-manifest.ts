// The next manifest: the current files, the objects that no longer belong to a file, and those of them that have been
// kept long enough.
import { isDeepStrictEqual } from 'node:util'
import { type AssetManifest, type ManifestFile, type ManifestObject, SCHEMA } from './manifest.ts'
import { isVersionOf } from './names.ts'
import type { UploadSettings } from './options.ts'
import type { DoneFile } from './sending.ts'
import type { ListedObject } from './store.ts'

export interface NextManifest {
  /** Including those that have been kept long enough. */
  readonly manifest: AssetManifest
  readonly expired: readonly string[]
  readonly isSame: boolean
}

export function nextManifest(
  before: AssetManifest,
  done: readonly DoneFile[],
  listed: readonly ListedObject[],
  settings: UploadSettings,
): NextManifest {
  const now = settings.now()
  const retired_at = new Date(now).toISOString()
  // If only some files were named, the others stay as they were.
  const files = new Map<string, ManifestFile>(settings.files === undefined ? [] : Object.entries(before.files))
  for (const { path, file } of done) files.set(path, file)
  const current = new Set(
    [...files.values()].flatMap(({ key, variants }) => [key, ...Object.values(variants).filter((one) => one !== null)]),
  )
  const objects = new Map<string, ManifestObject>()
  const sizes = new Map(listed.map((object) => [object.key, object]))
  for (const [key, object] of Object.entries(before.objects)) {
    const { retired_at: since, ...facts } = object
    if (current.has(key)) objects.set(key, facts)
    // An object that someone else has deleted need not be remembered.
    else if (sizes.has(key)) objects.set(key, { ...facts, retired_at: since ?? retired_at })
  }
  for (const one of done) for (const [key, facts] of one.objects) objects.set(key, facts)
  // Left by an upload that was interrupted before its manifest, of a file that has changed again since.
  for (const { key, bytes, version } of orphans(listed, objects, files.keys()))
    objects.set(key, {
      sha256: '',
      bytes,
      content_type: '',
      cache_control: '',
      ...(version !== undefined && { version }),
      retired_at,
    })
  const manifest = { schema: SCHEMA, files: sorted(files), objects: sorted(objects) } as const
  const expired = Object.entries(manifest.objects).flatMap(([key, { retired_at: since }]) =>
    since !== undefined && Date.parse(since) + settings.keepOldMs <= now ? [key] : [],
  )
  return { manifest, expired, isSame: isDeepStrictEqual(manifest, before) }
}

/** Unrecorded objects whose names only an upload of one of these files makes. Other names belong to someone else. */
function orphans(
  listed: readonly ListedObject[],
  known: ReadonlyMap<string, ManifestObject>,
  paths: Iterable<string>,
): ListedObject[] {
  const unknown = listed.filter(({ key }) => !known.has(key) && /\.[0-9a-f]{16}(?:\.|$)/.test(key))
  if (unknown.length === 0) return []
  const all = [...paths]
  return unknown.filter(({ key }) => all.some((path) => isVersionOf(path, key)))
}

export function withoutObjects({ schema, files, objects }: AssetManifest, keys: readonly string[]): AssetManifest {
  if (keys.length === 0) return { schema, files, objects }
  const gone = new Set(keys)
  return { schema, files, objects: Object.fromEntries(Object.entries(objects).filter(([key]) => !gone.has(key))) }
}

const sorted = <T>(map: ReadonlyMap<string, T>): Record<string, T> =>
  Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)))

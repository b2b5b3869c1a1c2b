// The manifest: which file is which object, and which objects were current before. It is written last, so that
// everything it names exists.
import { CdnError } from '../errors.ts'
import type { Encoding } from './encode.ts'
import { encodedKey } from './names.ts'
import type { AssetStore } from './store.ts'

export const SCHEMA = 'millpond.assets/1'

export interface ManifestObject {
  /** Hex, of the bytes as stored: for a variant, of the compressed ones. */
  readonly sha256: string
  /** Its size as stored. */
  readonly bytes: number
  /** The `Content-Type` with which it is stored. */
  readonly content_type: string
  /** The `Cache-Control` with which it is stored. */
  readonly cache_control: string
  /** `br`, `gzip` or `zstd`; absent for the file itself. */
  readonly content_encoding?: string
  /** The version that the store returned for the write. */
  readonly version?: string
  /** Since when the object belongs to no file any more: an instant, ISO 8601. */
  readonly retired_at?: string
}

export interface ManifestFile {
  /** The key of its object, relative to the store's prefix. */
  readonly key: string
  /** Of the file. */
  readonly sha256: string
  /** The size of the file. */
  readonly bytes: number
  /** The variant's key by encoding; null: it would not be smaller. */
  readonly variants: Readonly<Partial<Record<Encoding, string | null>>>
}

/** The JSON document that `uploadAssets` stores beside the files. */
export interface AssetManifest {
  /** Names the format; a document with another one is not accepted. */
  readonly schema: typeof SCHEMA
  /** By path in the folder. */
  readonly files: Readonly<Record<string, ManifestFile>>
  /** By key: files and their variants, and older objects that are kept for a while. */
  readonly objects: Readonly<Record<string, ManifestObject>>
}

export interface ReadManifest {
  /** The manifest, or an empty one if there was none. */
  readonly manifest: AssetManifest
  /** The version of the object that it was read from; null: there is none yet. */
  readonly version: string | null | undefined
}

const NONE: AssetManifest = { schema: SCHEMA, files: {}, objects: {} }

/**
 * The manifest of what has been uploaded; an empty one if there is none.
 * @throws CdnError `REFUSED` if another object is in its place.
 */
export async function readManifest(store: AssetStore, key: string): Promise<ReadManifest> {
  const found = await store.read(key)
  if (found === undefined) return { manifest: NONE, version: null }
  let parsed: unknown
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(found.body))
  } catch {
    parsed = undefined
  }
  if (!isManifest(parsed))
    throw new CdnError(
      'REFUSED',
      `${key} in ${store.name} is not a manifest of assets: name another one, or move that file`,
      {
        vendor: 'assets',
      },
    )
  return { manifest: parsed, version: found.version }
}

export const manifestBytes = (manifest: AssetManifest): Uint8Array =>
  new TextEncoder().encode(`${JSON.stringify(manifest, undefined, 1)}\n`)

function isManifest(value: unknown): value is AssetManifest {
  if (!isRecord(value) || value.schema !== SCHEMA || !isRecord(value.files) || !isRecord(value.objects)) return false
  return (
    Object.values(value.files).every(
      (file) =>
        isRecord(file) && typeof file.key === 'string' && typeof file.sha256 === 'string' && isRecord(file.variants),
    ) &&
    Object.values(value.objects).every(
      (one) => isRecord(one) && typeof one.sha256 === 'string' && typeof one.bytes === 'number',
    )
  )
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Addresses by path: `const url = assetUrls(manifest, 'https://static.example.org/'); url('css/app.css')`.
 * @throws CdnError `NOT_FOUND` for a path that is not in the manifest, so that broken references fail the build.
 */
export function assetUrls(manifest: AssetManifest, base = '/'): (path: string) => string {
  return (path) => {
    const file = Object.hasOwn(manifest.files, path) ? manifest.files[path] : undefined
    if (file === undefined)
      throw new CdnError('NOT_FOUND', `${JSON.stringify(path)} is not an asset of the manifest: was it uploaded?`, {
        vendor: 'assets',
      })
    return `${base.endsWith('/') ? base : `${base}/`}${encodedKey(file.key)}`
  }
}

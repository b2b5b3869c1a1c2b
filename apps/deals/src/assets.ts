// The service's own static files: hashed names, compressed in advance, stored beside the data, where those of earlier
// builds also remain for pages that reference them.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CdnError, type CdnFolderOptions } from '@millpond/cdn'
import { type AssetManifest, assetUrls, folderStore, type ManifestObject, uploadAssets } from '@millpond/cdn/assets'

export const STATIC_FOLDER = fileURLToPath(new URL('../static', import.meta.url))
const BASE = '/assets/'
/** If another process of the same folder does the same at the same time. */
const TRIES = 5

export interface Asset extends Pick<ManifestObject, 'content_type' | 'cache_control' | 'sha256'> {
  readonly body: Uint8Array
  readonly encoding: 'br' | 'gzip' | undefined
}

export interface Assets {
  /** The options for uploading it again from the control plane. */
  readonly folder: CdnFolderOptions
  /** The URL of a file of `static`. */
  url(path: string): Promise<string>
  /**
   * @param key what follows `/assets/`.
   * @param takes encodings that the client accepts. Undefined: there is none of that name.
   */
  find(key: string, takes: readonly string[]): Promise<Asset | undefined>
}

export function openAssets(folder: string): Assets {
  const to = folderStore({ path: join(folder, 'assets') })
  let uploaded: Promise<AssetManifest> | undefined
  const manifest = (): Promise<AssetManifest> => {
    uploaded ??= upload(TRIES).catch((error: unknown) => {
      // A full disk may have space again later.
      uploaded = undefined
      throw error
    })
    return uploaded
  }
  const upload = async (tries: number): Promise<AssetManifest> => {
    try {
      return (await uploadAssets({ folder: STATIC_FOLDER, to, encodings: ['br', 'gzip'] })).manifest
    } catch (error) {
      if (tries > 1 && error instanceof CdnError && error.code === 'CHANGED') return upload(tries - 1)
      throw error
    }
  }
  const bodies = new Map<string, Promise<Uint8Array | undefined>>()
  const bodyOf = (key: string): Promise<Uint8Array | undefined> => {
    const known = bodies.get(key)
    if (known !== undefined) return known
    const body = to.read(key).then((found) => found?.body)
    bodies.set(key, body)
    // A failed read may succeed the next time.
    body.catch(() => bodies.delete(key))
    return body
  }
  return {
    folder: { path: STATIC_FOLDER, to, upload: { encodings: ['br', 'gzip'] } },
    url: async (path) => assetUrls(await manifest(), BASE)(path),
    async find(key, takes) {
      const { objects } = await manifest()
      for (const [encoding, ending] of [
        ['br', '.br'],
        ['gzip', '.gz'],
        [undefined, ''],
      ] as const) {
        const object = Object.hasOwn(objects, key + ending) ? objects[key + ending] : undefined
        if (object === undefined || (encoding !== undefined && !takes.includes(encoding))) continue
        // A variant's own name is not a page's asset.
        if (object.content_encoding !== encoding) continue
        const body = await bodyOf(key + ending)
        if (body !== undefined) return { ...object, body, encoding }
      }
      return undefined
    },
  }
}

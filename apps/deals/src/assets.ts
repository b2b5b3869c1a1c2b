// The service's own files as assets: named after their content, compressed beforehand, and kept beside the data, where
// also those of an earlier build wait for pages that name them.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CdnError, type CdnFolderOptions } from '@millpond/cdn'
import { type AssetManifest, assetUrls, folderStore, type ManifestObject, uploadAssets } from '@millpond/cdn/assets'

export const STATIC_FOLDER = fileURLToPath(new URL('../static', import.meta.url))
const BASE = '/assets/'
/** Where another process of the same folder does the same at the same time. */
const TRIES = 5

export interface Asset extends Pick<ManifestObject, 'content_type' | 'cache_control' | 'sha256'> {
  readonly body: Uint8Array
  readonly encoding: 'br' | 'gzip' | undefined
}

export interface Assets {
  /** As the control plane may upload it again. */
  readonly folder: CdnFolderOptions
  /** The address of a file of `static`. */
  url(path: string): Promise<string>
  /**
   * @param key what follows `/assets/`.
   * @param takes encodings that the client reads. Undefined: there is none of that name.
   */
  find(key: string, takes: readonly string[]): Promise<Asset | undefined>
}

export function openAssets(folder: string): Assets {
  const to = folderStore({ path: join(folder, 'assets') })
  let uploaded: Promise<AssetManifest> | undefined
  const manifest = (): Promise<AssetManifest> => {
    uploaded ??= upload(TRIES).catch((error: unknown) => {
      // A disk that was full may not be for ever.
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
    // A read that failed once may not fail again.
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
        // A variant by its own name is no asset of a page.
        if (object.content_encoding !== encoding) continue
        const body = await bodyOf(key + ending)
        if (body !== undefined) return { ...object, body, encoding }
      }
      return undefined
    },
  }
}

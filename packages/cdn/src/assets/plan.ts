// What each file of a folder becomes: its key, its headers, its hash.

import { each } from './each.ts'
import { sha256Of } from './hash.ts'
import { keyOf, type Naming } from './names.ts'
import type { UploadSettings } from './options.ts'
import { contentTypeOf } from './types.ts'
import { invalid, type LocalFile } from './walk.ts'

export interface PlannedFile extends LocalFile {
  readonly naming: Naming
  readonly key: string
  /** Of its content. */
  readonly sha256: string
  readonly contentType: string
  readonly cacheControl: string
}

const NAMINGS: readonly Naming[] = ['hash', 'hashed', 'keep']
/** Reading is bound by the disk, independent of the network. */
const READ_AT_ONCE = 4

/** In the order of the files. @throws CdnError `TARGET_INVALID` if two would have the same key. */
export async function planned(files: readonly LocalFile[], settings: UploadSettings): Promise<PlannedFile[]> {
  const hashes = new Map<string, string>()
  await each(files, READ_AT_ONCE, async ({ path, at }) => {
    const sha256 = await sha256Of(at, settings.signal).catch((error: NodeJS.ErrnoException) => {
      throw error.name === 'AbortError' ? error : invalid(path, `cannot be read (${error.code})`)
    })
    hashes.set(path, sha256)
  })
  const keys = new Map<string, string>()
  return files.map((file) => {
    const { path } = file
    const naming = settings.naming(path)
    if (!NAMINGS.includes(naming))
      throw invalid(path, `has no naming: ${JSON.stringify(naming)} is not 'hash', 'hashed' or 'keep'`)
    const sha256 = hashes.get(path) ?? ''
    const key = keyOf(path, naming, sha256)
    const other = keys.get(key)
    if (other !== undefined)
      throw invalid(path, `would be the same object as ${JSON.stringify(other)}: rename one of them`)
    keys.set(key, path)
    const contentType = settings.files?.get(path)?.contentType ?? contentTypeOf(path)
    return { ...file, naming, key, sha256, contentType, cacheControl: settings.cacheControl(path, naming) }
  })
}

// A folder as the source of on-demand images: nothing outside of it is read, whatever names and links say.
import { open, realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { isError } from '../is-error.ts'
import type { ImageSource } from './renderer.ts'

/** Reads a file of the folder; a name that leads out of it, even by a link, does not exist. */
export function folderSource(folder: string): ImageSource {
  return async (name) => {
    const root = await realpath(folder)
    try {
      const real = await realpath(join(root, name))
      if (!real.startsWith(root + sep)) return undefined
      const file = await open(real)
      try {
        return (await file.stat()).isFile() ? await file.readFile() : undefined
      } finally {
        await file.close()
      }
    } catch (error) {
      if (
        isError(error) &&
        'code' in error &&
        ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ERR_INVALID_ARG_VALUE'].includes(String(error.code))
      )
        return undefined
      throw error
    }
  }
}

// Sharp, loaded when it is needed.
import type { Sharp, SharpOptions } from 'sharp'
import { CdnError } from '../errors.ts'
import { isError } from '../is-error.ts'

export type SharpOf = (bytes: Uint8Array, options: SharpOptions) => Sharp

let loaded: Promise<SharpOf> | undefined

/** @throws CdnError `PACKAGE_MISSING` */
export function sharpOf(): Promise<SharpOf> {
  loaded ??= load()
  return loaded
}

async function load(): Promise<SharpOf> {
  try {
    return (await import('sharp')).default
  } catch (error) {
    loaded = undefined
    if (!(isError(error) && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error
    throw new CdnError('PACKAGE_MISSING', 'the package sharp is not installed: run "npm install sharp"', { vendor: 'images' })
  }
}

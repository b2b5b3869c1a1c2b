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
    throw whyNot(error)
  }
}

/**
 * Its native part is a separate package for each platform, which is missing if the install ran on another platform, or
 * with `--omit=optional`.
 */
export function whyNot(cause: unknown): CdnError {
  const isMissing =
    isError(cause) && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND' && cause.message.includes("'sharp'")
  if (isMissing)
    return new CdnError('PACKAGE_MISSING', 'the package sharp is not installed: run "npm install sharp"', {
      vendor: 'images',
      cause,
    })
  const [reason = ''] = String(isError(cause) ? cause.message : cause).split('\n')
  const remedy = `run "npm install --include=optional --os=${process.platform} --cpu=${process.arch} sharp" where the program runs`
  return new CdnError('PACKAGE_MISSING', `sharp is installed, but cannot be loaded (${reason}): ${remedy}`, {
    vendor: 'images',
    cause,
  })
}

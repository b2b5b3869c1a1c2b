// Optional packages: loaded by name, and only when needed.
//
// No `import` names them, so that a bundler only includes what the program itself imports; and nothing happens when
// this file is loaded, so that a bundle (of any format, for any runtime) can start without them.

import { isError } from './errors.ts'

/**
 * The module that Node's `require` returns for the name, resolved relative to this library, then to the program, then
 * to the working directory: a bundle is located where its packages are, but its parts no longer know where they came
 * from.
 * @throws what `require` throws; `isNotInstalled` tells whether the package is missing or fails by itself.
 */
export function loadPackage(name: string): unknown {
  const { createRequire } = process.getBuiltinModule('node:module')
  let failure: unknown
  for (const place of places()) {
    try {
      return createRequire(place)(name)
    } catch (error) {
      if (!isNotInstalled(error)) throw error
      failure ??= error
    }
  }
  throw failure
}

/** Whether the package was not found, rather than found and broken. */
export function isNotInstalled(error: unknown): boolean {
  return (
    isError(error) &&
    'code' in error &&
    (error.code === 'MODULE_NOT_FOUND' || error.code === 'ERR_UNKNOWN_BUILTIN_MODULE')
  )
}

function places(): string[] {
  const program = process.argv[1]
  const all = [ownFile(), program !== undefined && isAbsolute(program) ? program : undefined, `${process.cwd()}/`]
  return all.filter((place) => place !== undefined)
}

const isAbsolute = (path: string): boolean => process.getBuiltinModule('node:path').isAbsolute(path)

/** A CommonJS bundle has no `import.meta`. Within `try`, because bundlers warn about it elsewhere. */
function ownFile(): string | undefined {
  try {
    return import.meta.url
  } catch {
    return undefined
  }
}

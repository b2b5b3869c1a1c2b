// Packages that a user may or may not have installed: loaded by name, and not before they are needed.
//
// No `import` names them, so that a bundler takes in what its program itself imports and nothing else; and nothing
// happens when this file is loaded, so that a bundle (of any format, for any runtime) can begin without them.

import { isError } from './errors.ts'

/**
 * The module that Node's `require` gives for the name, looked for beside this library, then beside the program, then in
 * the working directory: a bundle lies where its packages are, but its parts no longer know where they came from.
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

/** Was the package not found, rather than found and broken? */
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

/** A CommonJS bundle has no `import.meta`. Within `try`, because bundlers warn of that elsewhere. */
function ownFile(): string | undefined {
  try {
    return import.meta.url
  } catch {
    return undefined
  }
}

// Programs of users under the strictest rules, by the compiler that the build uses.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const COMPILER = createRequire(import.meta.url)
  .resolve('typescript-native/package.json')
  .replace('package.json', 'bin/tsc')
const STRICT = {
  module: 'nodenext',
  moduleResolution: 'nodenext',
  target: 'es2023',
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noEmit: true,
  allowImportingTsExtensions: true,
  types: ['node'],
}

/**
 * What is wrong in the files, a line each. `folder`: where they lie, inside the project; `skips`: which declarations
 * are taken as they are, and which are there.
 */
export function typeFaults(
  folder: string,
  files: readonly string[],
  skips: ({ skipLibCheck: true } | { skipDefaultLibCheck: true }) & { types?: [] },
): string[] {
  const config = join(folder, 'tsconfig.strict.json')
  writeFileSync(config, JSON.stringify({ compilerOptions: { ...STRICT, ...skips }, files }))
  const { stdout, stderr, status } = spawnSync(process.execPath, [COMPILER, '--pretty', 'false', '-p', config], {
    encoding: 'utf8',
  })
  const faults = `${stdout}${stderr}`.split('\n').filter((line) => line !== '')
  return status === 0 || faults.length > 0 ? faults : [`the compiler ended with ${status}`]
}

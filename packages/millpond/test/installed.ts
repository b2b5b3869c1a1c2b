// Packages of a folder with a lock file of its own, which may import the library as it was built.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bringPackages } from '../../../scripts/own-packages.mjs'

const BUILT = fileURLToPath(new URL('../dist/index.js', import.meta.url))

/** Installs them, unless they are there, and answers their folder. */
export function bringInstalled(name: string): string {
  if (!existsSync(BUILT)) throw new Error('the library is not built: run "npm run check" first')
  return bringPackages(name)
}

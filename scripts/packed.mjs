// The packages as their users get them: packed, and judged by publint and attw.
// @ts-check
import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { npmCommand, root, tool } from './prepare.mjs'

/** Folders of all packages, by what they are published from. */
export const packageFolders = () =>
  readdirSync(join(root, 'packages'))
    .map((one) => `packages/${one}`)
    .filter((folder) => existsSync(join(root, folder, 'package.json')))

/** Packs all packages into a folder. @param {string} folder @returns {[command: string, args: string[]]} */
export const packInto = (folder) =>
  npmCommand([
    'pack',
    ...packageFolders().flatMap((one) => ['--workspace', one]),
    '--pack-destination',
    folder,
    '--silent',
  ])

/** @param {string} folder */
export const tarballsIn = (folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.tgz'))
    .map((name) => join(folder, name))

/** The judges of a tarball. @param {string} tarball @returns {[command: string, args: string[]][]} */
export function judgesOf(tarball) {
  // A style sheet has no types.
  const more = basename(tarball).includes('dashboard') ? ['--exclude-entrypoints', 'style.css'] : []
  const attw = ['--profile', 'esm-only', '--format', 'ascii', ...more]
  return [
    [process.execPath, [tool('publint'), 'run', tarball, '--strict']],
    [process.execPath, [tool('@arethetypeswrong/cli', 'attw'), tarball, ...attw]],
  ]
}

// The other Node versions that Millpond supports, from the npm package `node`, each installed once into the cache
// folder.
// @ts-check
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { npmCommand, root } from './prepare.mjs'

/** The latest of each maintained line, except the one that this runs on. Raise them together with the tools. */
export const OTHER_NODES = ['22.23.3', '24.21.0'].filter(
  (one) => one.split('.')[0] !== process.versions.node.split('.')[0],
)

/** @param {string} version @returns {string} its program @throws Error where npm brings none */
export function bringNode(version) {
  const folder = join(root, '.cache', `node-${version}`)
  const program = join(folder, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (existsSync(program)) return program
  mkdirSync(join(root, '.cache'), { recursive: true })
  const draft = mkdtempSync(join(root, '.cache', 'node-'))
  // A project of its own, so that npm does not use this one.
  writeFileSync(join(draft, 'package.json'), '{ "private": true }\n')
  const [file, args] = npmCommand([
    'install',
    `node@${version}`,
    '--no-audit',
    '--no-fund',
    '--no-save',
    '--loglevel=error',
  ])
  const { status, stderr } = spawnSync(file, args, { cwd: draft, encoding: 'utf8' })
  if (status !== 0) {
    rmSync(draft, { recursive: true, force: true })
    throw new Error(`npm brought no Node ${version}: ${stderr.trim().split('\n')[0]}`)
  }
  rmSync(folder, { recursive: true, force: true })
  renameSync(draft, folder)
  return program
}

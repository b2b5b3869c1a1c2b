// Puts a suite into the cache folder: its tests from their public repository or from a package, what they import, and
// the doors in the place of what they test.
// @ts-check
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { npmCommand, root } from '../prepare.mjs'

const DOORS = fileURLToPath(new URL('doors/', import.meta.url))
const HOME = join(root, '.cache', 'suites')
/** How its compilers should read TypeScript: with the decorators of Nest, and none of the project's own rules. */
const TSCONFIG = { compilerOptions: { target: 'ES2022', experimentalDecorators: true, emitDecoratorMetadata: true } }

/** A suite that could not be had, with the reason. */
export class NotBrought extends Error {}

/**
 * @param {string} name @param {import('./list.mjs').Suite} suite
 * @param {{ from?: string | undefined, home?: string }} [how] `from`: a folder with clones or unpacked archives, as
 * OWNER/NAME, for machines that do not reach the repositories
 * @returns {string} the folder
 * @throws {NotBrought}
 */
export function bringSuite(name, suite, { from, home = HOME } = {}) {
  const folder = join(home, name)
  mkdirSync(folder, { recursive: true })
  const files = join(folder, 'files')
  rmSync(files, { recursive: true, force: true })
  mkdirSync(files)
  install(folder, suite.packages ?? {})
  if (suite.repository !== undefined) unpack(folder, files, suite, from)
  // Theirs extend files that are not here.
  for (const path of readdirSync(files, { recursive: true, encoding: 'utf8' }))
    if (basename(path) === 'tsconfig.json') rmSync(join(files, path))
  writeFileSync(join(files, 'tsconfig.json'), JSON.stringify(TSCONFIG))
  for (const [place, door] of Object.entries(suite.doors)) {
    mkdirSync(dirname(join(files, place)), { recursive: true })
    copyFileSync(join(DOORS, door), join(files, place))
  }
  return files
}

/**
 * What the tests import, in a folder of its own; peers are the project's own packages, so that there is one copy.
 * @param {string} folder @param {Record<string, string>} packages
 */
function install(folder, packages) {
  const manifest = JSON.stringify({ private: true, type: 'module', dependencies: packages })
  const record = join(folder, 'package.json')
  const isThere = existsSync(record) && readFileSync(record, 'utf8') === manifest
  if (isThere) return
  rmSync(join(folder, 'node_modules'), { recursive: true, force: true })
  rmSync(record, { force: true })
  if (Object.keys(packages).length > 0) {
    // npm looks for a manifest, and finds one only where the installation was whole.
    const draft = join(folder, 'draft')
    rmSync(draft, { recursive: true, force: true })
    mkdirSync(draft)
    writeFileSync(join(draft, 'package.json'), manifest)
    const flags = ['--ignore-scripts', '--legacy-peer-deps', '--no-audit', '--no-fund', '--no-package-lock']
    said(...npmCommand(['install', ...flags, '--loglevel=error']), draft)
    renameSync(join(draft, 'node_modules'), join(folder, 'node_modules'))
    rmSync(draft, { recursive: true, force: true })
  }
  writeFileSync(record, manifest)
}

/** @param {string} folder @param {string} files @param {import('./list.mjs').Suite} suite @param {string} [from] */
function unpack(folder, files, { repository = '', commit = '', paths = [] }, from) {
  const given = from === undefined ? undefined : join(from, repository)
  if (given !== undefined && !existsSync(given)) throw new NotBrought(`${given} does not exist`)
  if (given !== undefined && !isClone(given)) {
    for (const path of paths) cpSync(join(given, path), join(files, path), { recursive: true })
    return
  }
  const archive = join(folder, `${commit}.tar`)
  if (!existsSync(archive)) {
    const clone = given ?? fetched(folder, `https://github.com/${repository}.git`, commit)
    said('git', ['archive', '--output', `${archive}.part`, commit, '--', ...paths], clone)
    renameSync(`${archive}.part`, archive)
  }
  said('tar', ['-xf', archive, '-C', files], folder)
}

/** @param {string} folder */
const isClone = (folder) =>
  existsSync(join(folder, '.git')) || statSync(join(folder, 'HEAD'), { throwIfNoEntry: false })?.isFile() === true

/**
 * One commit of a repository, whose files git fetches as they are asked for.
 * @param {string} folder @param {string} url @param {string} commit
 */
export function fetched(folder, url, commit) {
  const clone = join(folder, 'clone')
  rmSync(clone, { recursive: true, force: true })
  said('git', ['init', '--quiet', '--bare', clone], folder)
  said('git', ['remote', 'add', 'origin', url], clone)
  said('git', ['fetch', '--quiet', '--depth', '1', '--filter=blob:none', 'origin', commit], clone)
  return clone
}

/** @param {string} command @param {string[]} args @param {string} cwd */
function said(command, args, cwd) {
  const env = { ...process.env, GIT_TERMINAL_PROMPT: '0' }
  const { status, stderr, error } = spawnSync(command, args, { cwd, env, encoding: 'utf8', timeout: 300_000 })
  if (status === 0) return
  const lines = (error?.message ?? stderr).split('\n').filter((line) => line.trim() !== '')
  const line = lines.find((one) => /error|fatal|denied|E[A-Z]{4,}/i.test(one)) ?? lines[0] ?? 'no reason was given'
  throw new NotBrought(`${command} ${args.find((arg) => !arg.startsWith('-'))}: ${line.trim()}`)
}

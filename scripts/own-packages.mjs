// Packages that tests install apart from the project's own, by lock files of their own: once, into the cache folder.
// `npm test` has them brought while it waits for the project's packages, which takes a second processor that is idle
// then; a test that runs by itself brings what it needs.
// @ts-check
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { npmCommand, root } from './prepare.mjs'

const TESTS = join(root, 'packages/millpond/test')

/**
 * `from`: where the lock file lies; `links`: what else of it lies beside the packages; `scripts`: packages may run
 * scripts of their own; `isLong`: for the long form alone. The largest come first.
 * @type {Record<string, { from: string, links?: string[], scripts?: boolean, isLong?: boolean }>}
 */
const SETS = {
  prisma: { from: 'orm/prisma' },
  bundles: { from: 'bundles', links: ['programs'], scripts: true },
  nest: { from: 'compat/nest' },
  sqlite: { from: 'orm/sqlite' },
  sqlite3: { from: 'orm/sqlite3', scripts: true, isLong: true },
}

/** @param {string} name */
function setOf(name) {
  const set = SETS[name]
  if (set === undefined) throw new Error(`there are no packages called ${name}: ${Object.keys(SETS).join(', ')}`)
  return { ...set, from: join(TESTS, set.from) }
}

/** Where the packages lie, or will lie. @param {string} name */
export function installedFolder(name) {
  const lock = createHash('sha256')
    .update(readFileSync(join(setOf(name).from, 'package-lock.json')))
    .digest('hex')
  // Inside the project, so that its packages (ioredis) are found from there; one for each content of the lock file.
  return join(root, '.cache', `${name}-${lock.slice(0, 12)}`)
}

/**
 * Installs the packages, unless they are there: put in place by one rename, since several suites may ask at a time.
 * They may import the library, once it is built.
 * @param {string} name
 */
export function bringPackages(name) {
  const { from, links = [], scripts = false } = setOf(name)
  const folder = installedFolder(name)
  if (existsSync(folder)) return folder
  mkdirSync(join(root, '.cache'), { recursive: true })
  const draft = mkdtempSync(join(root, '.cache', `${name}-`))
  for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(from, file), join(draft, file))
  const [file, args] = npmCommand([
    ...['ci', '--no-audit', '--no-fund', '--loglevel=error', '--engine-strict=false'],
    ...(scripts ? [] : ['--ignore-scripts']),
  ])
  const { status, stderr } = spawnSync(file, args, { cwd: draft, encoding: 'utf8' })
  if (status !== 0) {
    rmSync(draft, { recursive: true, force: true })
    throw new Error(`npm ci of ${name} failed: ${stderr}`)
  }
  symlinkSync(join(root, 'packages/millpond'), join(draft, 'node_modules', 'millpond'))
  for (const link of links) symlinkSync(join(from, link), join(draft, link))
  try {
    renameSync(draft, folder)
  } catch {
    // Another suite was quicker.
    rmSync(draft, { recursive: true, force: true })
  }
  return folder
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const name of Object.keys(SETS).filter((one) => !SETS[one]?.isLong)) {
    try {
      bringPackages(name)
    } catch {
      // The suite that needs it says why.
    }
  }
}

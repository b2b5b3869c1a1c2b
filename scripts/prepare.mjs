// What every command needs first: the right Node, the packages of the lock file, the build output. Plain Node, without
// dependencies.
// @ts-check
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

const LOWEST = { major: 20, minor: 19 }

/** Ends the process with one clear line if Node is too old. */
export function checkNode(version = process.versions.node) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > LOWEST.major || (major === LOWEST.major && minor >= LOWEST.minor)) return
  fail(
    `Millpond needs Node ${LOWEST.major}.${LOWEST.minor} or newer, and this is Node ${version}. Get one at https://nodejs.org`,
  )
}

/** Runs `npm ci`, unless the packages of the lock file are installed already; false if it failed. */
export function install() {
  return (
    isInstalled() ||
    step('installing packages (npm ci)', () =>
      npm(['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']),
    )
  )
}

/** The same for a folder with a lock file of its own. @param {string} folder */
export const npmIn = (folder) =>
  isInstalled(folder) ||
  step('installing packages of its own (npm ci)', () =>
    npm(['ci', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']),
  )

/**
 * npm records at the end of each install what it installed; packages for other platforms are in the lock file, but not
 * installed.
 */
function isInstalled(folder = root) {
  const asked = packages(join(folder, 'package-lock.json'))
  const there = packages(join(folder, 'node_modules', '.package-lock.json'))
  if (!asked || !there) return false
  const same = (/** @type {string} */ path) => there[path]?.version === asked[path]?.version
  return (
    Object.keys(asked).every(
      (path) => !path.includes('node_modules/') || (path in there ? same(path) : asked[path]?.optional === true),
    ) && Object.keys(there).every((path) => path in asked)
  )
}

/** @param {string} path @returns {Record<string, { version?: string, optional?: boolean }> | undefined} */
function packages(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : undefined
}

/**
 * Compiles what has changed, with the native compiler (`typescript` has the API that TypeDoc and some tests use); false
 * if it failed.
 * @param {string[]} [projects] folders with a tsconfig.json; all when absent
 */
export function build(projects = references()) {
  // The compiler trusts its build info, and would not notice that the output was removed.
  for (const project of references()) {
    if (!existsSync(join(root, project, 'dist'))) rmSync(join(root, project, 'tsconfig.tsbuildinfo'), { force: true })
  }
  const compiled = step('building (tsc -b)', () =>
    run(process.execPath, [tool('typescript-native', 'tsc'), '-b', ...projects]),
  )
  if (!compiled || !projects.some((project) => PAGE_OF.includes(project))) return compiled
  return step('building the dashboard (vite)', () =>
    run(process.execPath, [join(root, 'packages', 'dashboard', 'build.mjs')]),
  )
}

/** Projects that serve the dashboard's page: building these needs it. */
const PAGE_OF = ['packages/dashboard', 'apps/deals']

/** @returns {string[]} */
const references = () =>
  JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')).references.map(
    (/** @type {{ path: string }} */ { path }) => path,
  )

/**
 * The script behind a package's command, run by this same Node: works where `npx` and shells do not.
 * @param {string} name
 * @param {string} [command]
 */
export function tool(name, command = name) {
  const folder = join(root, 'node_modules', name)
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return join(folder, typeof bin === 'string' ? bin : bin[command])
}

/**
 * Runs a command to its end, showing its output; false if it failed.
 * @param {string} command @param {string[]} args @param {NodeJS.ProcessEnv} [env]
 */
export function run(command, args, env = process.env) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env })
  if (error) console.error(`millpond: ${command} could not be run: ${error.message}`)
  return status === 0
}

/** @param {string[]} args */
export const npm = (args) => run(...npmCommand(args))

/** @param {string[]} args @returns {[command: string, args: string[]]} */
export function npmCommand(args) {
  // npm passes its own path to the scripts it runs; otherwise it is found on PATH.
  const cli = process.env.npm_execpath
  return cli?.endsWith('.js') ? [process.execPath, [cli, ...args]] : ['npm', args]
}

/** @param {string} what @param {() => boolean} work */
function step(what, work) {
  const begin = performance.now()
  console.log(`millpond: ${what} ...`)
  const well = work()
  if (well) console.log(`millpond: ${what}: ${((performance.now() - begin) / 1000).toFixed(1)} s`)
  else console.error(`millpond: ${what} failed, see above`)
  return well
}

/** @param {string} message @returns {never} */
function fail(message) {
  console.error(`millpond: ${message}`)
  process.exit(1)
}

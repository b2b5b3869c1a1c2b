// `npm test`: all checks, then the tests; stops if a check fails, and ends with one line of totals. `--static` (npm run
// check) leaves out the tests; other arguments go to Vitest.
// @ts-check
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { judgesOf, packInto, tarballsIn } from './packed.mjs'
import { build, checkNode, install, root, run, tool } from './prepare.mjs'
import { bringServers, missing, permittedAbsences } from './servers.mjs'
import { sideBySide } from './side-by-side.mjs'
import { closingLine, countTests, explained } from './sums.mjs'

const USAGE = `npm test [-- FILTER... | options of Vitest], npm run check

  Everything that must hold: packages, build, types, format, doors, what is public, what is unused, and the tests, which come last. Stops where a check fails.
  FILTER     only test files whose path has this in it, as Vitest takes them: npm test -- packages/cli
  --static   all but the tests, as npm run check

  Without the checks: npx vitest run FILTER`
const args = process.argv.slice(2)
if (args.includes('--help') || args.includes('-h')) {
  console.log(USAGE)
  process.exit(0)
}
// With CI set, tools colour their output even if it goes to a file.
if (!process.stdout.isTTY) {
  process.env.NO_COLOR = '1'
  delete process.env.FORCE_COLOR
}
const onlyStatic = args.includes('--static')
const filters = args.filter((one) => one !== '--static')
const report = join(root, '.cache', 'vitest.json')
const failures = join(root, 'scripts', 'failures.mjs')
const sums = { passed: 0, failed: 0, skipped: 0 }
let checks = 0
/** @type {string[]} */
const failedChecks = []

/**
 * @param {string} name @param {string} [command]
 * @returns {(...args: string[]) => [command: string, args: string[]]}
 */
const node =
  (name, command) =>
  (...rest) => [process.execPath, [tool(name, command), ...rest]]
/** @param {string} file @param {string[]} args @returns {[command: string, args: string[]]} */
const script = (file, ...args) => [process.execPath, [join(root, 'scripts', file), ...args]]

/**
 * No check writes what another reads; the longest come first. @type {[string, import('./side-by-side.mjs').Check][]}
 */
const stages = [
  ['types of tests and scripts (tsc)', (run) => run(...node('typescript-native', 'tsc')('-p', 'tsconfig.test.json'))],
  ['format and lint (biome)', (run) => run(...node('@biomejs/biome', 'biome')('check', '--error-on-warnings', '.'))],
  [
    'doors between rooms (dependency-cruiser)',
    (run) => run(...node('dependency-cruiser', 'depcruise')('--config', '.dependency-cruiser.mjs', ...sources())),
  ],
  ['no known weakness in what users get (audit)', (run) => run(...script('audit.mjs'))],
  ['nothing unused (knip)', (run) => run(...node('knip')('--no-progress'))],
  ['the packages as users get them (publint, attw)', checkPackages],
  [
    'no machine in the files, nothing public unannounced or without words (house)',
    (run) => run(...script('check-house.mjs')),
  ],
]

checkNode()
// Concurrently with the packages: all wait for the network.
const fetched = onlyStatic ? undefined : inBackground('servers.mjs', '--quiet')
const brought = onlyStatic || filters.length > 0 ? undefined : inBackground('own-packages.mjs')
stage('packages (npm ci)', install)
await fetched
if (!onlyStatic) servers()
stage('build (tsc)', () => build())
await sideBySide(stages, 2, ({ name, well, output, ms }) => {
  console.log(`\nmillpond: ${name}${output === '' ? '' : `\n${output}`}`)
  count(name, well, ms)
})
if (sums.failed > 0) stop()
await brought
if (!onlyStatic) tests()
finish()

/** @param {string} name @param {() => boolean} work */
function stage(name, work) {
  const begin = performance.now()
  console.log(`\nmillpond: ${name}`)
  count(name, work(), performance.now() - begin)
  if (sums.failed > 0) stop()
}

/** @param {string} name @param {boolean} well @param {number} ms */
function count(name, well, ms) {
  console.log(`millpond: ${name}: ${well ? 'passed' : 'FAILED'}, ${(ms / 1000).toFixed(1)} s`)
  checks += 1
  if (well) sums.passed += 1
  else {
    sums.failed += 1
    failedChecks.push(name)
  }
}

/** @returns {never} */
function stop() {
  console.error(
    `millpond: stopped at ${failedChecks.map((name) => `"${name}"`).join(' and ')}; what comes after was not run`,
  )
  finish()
}

/**
 * Errors show later, when what it brings is looked for.
 * @param {string} file @param {string[]} args
 */
async function inBackground(file, ...args) {
  const child = spawn(...script(file, ...args), { stdio: ['ignore', 'inherit', 'inherit'] })
  await once(child, 'close').catch(() => undefined)
}

function servers() {
  const found = bringServers()
  for (const [name, reason] of Object.entries(permittedAbsences))
    if (!found[name]) console.log(`millpond: no ${name} anywhere: ${reason}`)
  const lacking = missing(found)
  for (const [, { program, suites, install: how }] of lacking)
    console.log(`millpond: no ${program}, so ${suites} cannot be tested. To have it: ${how}`)
  if (process.env.CI && lacking.length > 0) stage('servers for the tests', () => false)
}

function sources() {
  return ['packages', 'apps', 'bench'].filter((folder) => existsSync(join(root, folder)))
}

/** @type {import('./side-by-side.mjs').Check} */
async function checkPackages(run) {
  const folder = join(root, '.cache', 'pack')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  if (!(await run(...packInto(folder)))) return false
  for (const judge of tarballsIn(folder).flatMap(judgesOf)) if (!(await run(...judge))) return false
  return true
}

function tests() {
  console.log('\nmillpond: tests (vitest)')
  rmSync(report, { force: true })
  const reporters = ['--reporter=default', `--reporter=${failures}`, '--reporter=json', `--outputFile.json=${report}`]
  const begin = performance.now()
  // Coverage is measured on the sources.
  const onBuild = !filters.some((one) => one.startsWith('--coverage'))
  const well = run(...node('vitest')('run', ...reporters, ...filters), {
    ...process.env,
    MILLPOND_TEST_BUILD: onBuild ? 'yes' : 'no',
  })
  console.log(
    `millpond: tests (vitest): ${well ? 'passed' : 'FAILED'}, ${((performance.now() - begin) / 1000).toFixed(1)} s`,
  )
  if (!existsSync(report)) {
    console.error('millpond: vitest ended without a report')
    sums.failed += 1
    return
  }
  const counted = countTests(JSON.parse(readFileSync(report, 'utf8')), well)
  sums.passed += counted.passed
  sums.failed += counted.failed
  sums.skipped += counted.skipped
}

/** @returns {never} */
function finish() {
  console.log(`\nmillpond: ${explained(checks, sums)}\n${closingLine(sums)}`)
  process.exit(sums.failed > 0 ? 1 : 0)
}

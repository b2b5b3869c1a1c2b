// `npm test`: everything that must hold, cheapest first; stops at the first stage that fails and ends with one line of sums.
// `--static` (npm run check) leaves out the tests; other arguments go to Vitest.
// @ts-check
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build, checkNode, install, npm, root, run, tool } from './prepare.mjs'
import { bringServers, missing, permittedAbsences } from './servers.mjs'
import { closingLine, countTests, explained } from './sums.mjs'

const args = process.argv.slice(2)
// With CI set, tools colour what they print even into a file.
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

/** @param {string} name @param {string} [command] */
const node =
  (name, command) =>
  (/** @type {string[]} */ ...rest) =>
    run(process.execPath, [tool(name, command), ...rest])

/** @type {[string, () => boolean][]} */
const stages = [
  ['format and lint (biome)', () => node('@biomejs/biome', 'biome')('check', '--error-on-warnings', '.')],
  ['types of tests and scripts (tsc)', () => node('typescript', 'tsc')('-p', 'tsconfig.test.json')],
  [
    'doors between rooms (dependency-cruiser)',
    () => node('dependency-cruiser', 'depcruise')('--config', '.dependency-cruiser.mjs', ...sources()),
  ],
  ['nothing unused (knip)', () => node('knip')('--no-progress')],
  ['the package as users get it (publint, attw)', checkPackage],
  ['nothing public without words (typedoc)', () => run(process.execPath, [join(root, 'scripts', 'reference.mjs'), '--check'])],
  ['no machine in the files (house)', () => run(process.execPath, [join(root, 'scripts', 'check-house.mjs')])],
]

checkNode()
stage('packages (npm ci)', install)
if (!onlyStatic) servers()
stage('build (tsc)', () => build())
for (const [name, work] of stages) stage(name, work)
if (!onlyStatic) tests()
finish()

/** @param {string} name @param {() => boolean} work */
function stage(name, work) {
  const begin = performance.now()
  console.log(`\nmillpond: ${name}`)
  const well = work()
  checks += 1
  console.log(`millpond: ${name}: ${well ? 'passed' : 'FAILED'}, ${((performance.now() - begin) / 1000).toFixed(1)} s`)
  if (well) sums.passed += 1
  else {
    sums.failed += 1
    console.error(`millpond: stopped at "${name}"; what comes after it was not run`)
    finish()
  }
}

function servers() {
  for (const [name, reason] of Object.entries(permittedAbsences)) console.log(`millpond: no ${name} anywhere: ${reason}`)
  const lacking = missing(bringServers())
  for (const [, { program, suites, install: how }] of lacking)
    console.log(`millpond: no ${program}, so ${suites} cannot be tested. To have it: ${how}`)
  if (process.env.CI && lacking.length > 0) stage('servers for the tests', () => false)
}

function sources() {
  return ['packages', 'apps', 'bench'].filter((folder) => existsSync(join(root, folder)))
}

function checkPackage() {
  const folder = join(root, '.cache', 'pack')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  if (!npm(['pack', '--workspace', 'packages/millpond', '--pack-destination', folder, '--silent'])) return false
  const { version } = JSON.parse(readFileSync(join(root, 'packages', 'millpond', 'package.json'), 'utf8'))
  const tarball = join(folder, `millpond-${version}.tgz`)
  return node('publint')('run', tarball, '--strict') && node('@arethetypeswrong/cli', 'attw')(tarball, '--profile', 'esm-only')
}

function tests() {
  console.log('\nmillpond: tests (vitest)')
  rmSync(report, { force: true })
  const well = node('vitest')(
    'run',
    '--reporter=default',
    `--reporter=${failures}`,
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...filters,
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

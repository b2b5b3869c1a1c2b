// `npm run suites`: the published tests of the projects whose places our adapters take, run on our adapters. They are
// fetched for the run and are no part of this repository.
// @ts-check
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build, checkNode, install, root, tool } from './prepare.mjs'
import { bringSuite, NotBrought } from './suites/bring.mjs'
import { casesOf, judge, tableOf } from './suites/judge.mjs'
import { SUITES } from './suites/list.mjs'

const USAGE = `npm run suites -- [--only NAME,...] [--from FOLDER] [--write]

  --only   only these: ${Object.keys(SUITES).join(', ')}.
  --from   where repositories lie already, as clones or unpacked archives: FOLDER/OWNER/NAME. Default: fetched.
  --write  writes the table of docs/guide/drop-ins.md from the last run of each, if none of them has a fault.

A test that fails although scripts/suites/permitted.json does not say why fails the run, and so does one that it names
and that passes. A suite that could not be fetched is named; with CI set it fails the run.`
const PAGE = join(root, 'docs', 'guide', 'drop-ins.md')
const CONFIG = fileURLToPath(new URL('suites/vitest.config.mjs', import.meta.url))
const MARK = /<!-- suites -->.*<!-- \/suites -->/s

/** @param {string} message @returns {never} */
function refuse(message) {
  console.error(`suites: ${message}\n\n${USAGE}`)
  process.exit(2)
}

function options() {
  try {
    return parseArgs({
      options: {
        only: { type: 'string' },
        from: { type: 'string' },
        write: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

const given = options()
if (given.help) {
  console.log(USAGE)
  process.exit(0)
}
const names = given.only?.split(',') ?? Object.keys(SUITES)
for (const name of names) if (SUITES[name] === undefined) refuse(`--only: there is no suite ${JSON.stringify(name)}`)
if (given.from !== undefined && !existsSync(given.from)) refuse(`--from: ${given.from} does not exist`)
checkNode()
if (!install() || !build(['packages/millpond'])) process.exit(1)

/** @type {Record<string, import('./suites/judge.mjs').Permitted[]>} */
const permitted = JSON.parse(readFileSync(new URL('suites/permitted.json', import.meta.url), 'utf8'))
let faults = 0
/** @type {string[]} */
const absent = []
for (const name of names) {
  const suite = SUITES[name]
  if (suite === undefined) continue
  console.log(`\nsuites: ${name} (${suite.of})`)
  try {
    run(name, bringSuite(name, suite, { from: given.from }))
    const { verdict } = rowOf(name, suite)
    faults += verdict.faults.length
    console.log(`suites: ${name}: ${verdict.passed} of ${verdict.total} passed`)
    for (const { reason, count } of verdict.others) console.log(`suites: ${name}: ${count} ${reason}`)
    for (const fault of verdict.faults) console.log(`suites: ${name}: FAULT: ${fault}`)
  } catch (error) {
    if (!(error instanceof NotBrought)) throw error
    absent.push(name)
    console.log(`suites: ${name}: could not be fetched: ${error.message}`)
  }
}

/** @param {string} name */
function reportOf(name) {
  return join(root, '.cache', 'suites', name, 'report.json')
}

/** @param {string} name @param {string} folder */
function run(name, folder) {
  const report = reportOf(name)
  rmSync(report, { force: true })
  const args = ['run', '--config', CONFIG, '--reporter=json', `--outputFile=${report}`]
  const env = { ...process.env, MILLPOND_SUITE: name }
  const { stderr, stdout } = spawnSync(process.execPath, [tool('vitest'), ...args], {
    cwd: folder,
    env,
    encoding: 'utf8',
  })
  if (!existsSync(report)) throw new Error(`Vitest ended without a report: ${stderr || stdout}`)
}

/** What its last run brought. @param {string} name @param {import('./suites/list.mjs').Suite} suite */
function rowOf(name, { label, of, without }) {
  const report = JSON.parse(readFileSync(reportOf(name), 'utf8'))
  const on = new Date(report.startTime).toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric' })
  return { label, of, on, without: without?.reason, verdict: judge(casesOf(report), permitted[name] ?? []) }
}

if (absent.length > 0) console.log(`\nsuites: not fetched: ${absent.join(', ')}`)
if (given.write) write()

function write() {
  const page = readFileSync(PAGE, 'utf8')
  if (!MARK.test(page)) throw new Error('docs/guide/drop-ins.md has no <!-- suites --> ... <!-- /suites -->')
  const all = Object.entries(SUITES).filter(([name]) => existsSync(reportOf(name)))
  const rows = all.map(([name, suite]) => rowOf(name, suite))
  if (rows.length < Object.keys(SUITES).length || rows.some(({ verdict }) => verdict.faults.length > 0)) {
    console.log('suites: the table was not written: some were never run, or have faults')
    return
  }
  const table = tableOf(rows)
  writeFileSync(
    PAGE,
    page.replace(MARK, () => `<!-- suites -->\n\n${table}\n\n<!-- /suites -->`),
  )
}
const isWhole = absent.length === 0 || !process.env.CI
console.log(`suites: ${faults === 0 && isWhole ? 'nothing found' : `${faults} faults, ${absent.length} not fetched`}`)
process.exit(faults === 0 && isWhole ? 0 : 1)

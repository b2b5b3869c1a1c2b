// `npm start`, `npm run load`, `npm run bench`, `npm run bench:hit-ratio`, `npm run bench:insight`, `npm run
// bench:http`, `npm run bench:consistency`, `npm run bench:memory`, `npm run bench:observer`, `npm run bench:page`,
// `npm run bench:images`, `npm run bench:ring`, `npm run bench:doors`, `npm run bench:growing`,
// `npm run bench:fleet`: installs and builds what is missing, then runs the program in this very process, so that
// signals, exit code, arguments and environment are the program's own.
// @ts-check
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, checkNode, install, root } from './prepare.mjs'

/**
 * `help`: the file with the program's help, so that `--help` installs and builds nothing.
 * @type {Record<string, { project: string, others?: string[], entry: string, help?: string }>}
 */
const programs = {
  serve: { project: 'apps/deals', entry: 'apps/deals/dist/main.js', help: 'apps/deals/src/settings.ts' },
  load: {
    project: 'apps/deals',
    others: ['bench'],
    entry: 'apps/deals/dist/load.js',
    help: 'apps/deals/src/load/options.ts',
  },
  memory: { project: 'apps/deals', entry: 'apps/deals/dist/memory.js', help: 'apps/deals/src/memory.ts' },
  bench: { project: 'bench', entry: 'bench/dist/main.js', help: 'bench/src/main.ts' },
  insight: { project: 'bench', entry: 'bench/dist/insight.js', help: 'bench/src/insight.ts' },
  'hit-ratio': { project: 'bench', entry: 'bench/dist/hit-ratio.js', help: 'bench/src/hit-ratio.ts' },
  consistency: { project: 'bench', entry: 'bench/dist/consistency.js', help: 'bench/src/consistency.ts' },
  'bench-page': { project: 'bench', others: ['apps/deals'], entry: 'bench/dist/page.js', help: 'bench/src/page.ts' },
  observer: {
    project: 'bench',
    others: ['apps/deals'],
    entry: 'bench/dist/observer.js',
    help: 'bench/src/observer.ts',
  },
  ring: { project: 'bench', entry: 'bench/dist/ring.js', help: 'bench/src/ring.ts' },
  fleet: { project: 'bench', entry: 'bench/dist/fleet.js', help: 'bench/src/fleet.ts' },
  growing: { project: 'bench', entry: 'bench/dist/growing.js', help: 'bench/src/growing.ts' },
  doors: { project: 'bench', entry: 'bench/dist/doors.js', help: 'bench/src/doors.ts' },
  images: { project: 'bench', entry: 'bench/dist/images.js', help: 'bench/src/images.ts' },
  'bench-http': { project: 'bench', entry: 'bench/dist/http.js', help: 'bench/src/http.ts' },
}

const [name = 'serve', ...args] = process.argv.slice(2)
const program = programs[name]
if (!program) {
  console.error(`millpond: no program ${JSON.stringify(name)}; there are ${Object.keys(programs).join(', ')}`)
  process.exit(2)
}

checkNode()
const help = helpOf(program)
if (help !== undefined && args.some((arg) => arg === '--help' || arg === '-h')) {
  console.log(help)
  process.exit(0)
}
if (help !== undefined) checkArguments(help)
if (!install() || !build([program.project, ...(program.others ?? [])])) process.exit(1)

const path = join(root, program.entry)
if (!existsSync(path)) {
  console.error(`millpond: ${program.entry} is not there after the build`)
  process.exit(1)
}
if (process.env.npm_lifecycle_event) endWithParent()
process.argv = [process.execPath, path, ...args]
await import(pathToFileURL(path).href).catch(refuse)

/** The help text in the source file, if there is one. @param {{ help?: string }} program */
function helpOf({ help }) {
  const source = help !== undefined && existsSync(join(root, help)) ? readFileSync(join(root, help), 'utf8') : ''
  return /^(?:export )?const (?:LOAD_)?HELP = `([^`$\\]*)`/m.exec(source)?.[1]
}

/**
 * Refuses an argument that the help does not name, or that is not a number where the help says so, before anything is
 * installed: the program itself is not there yet.
 * @param {string} help
 */
function checkArguments(help) {
  const named = [...help.matchAll(/--([a-z][a-z-]*)(?:[ ](?:N|\d+)(?=[\s\]]))?/g)]
  const known = new Map(named.reverse().map(([text, option]) => [option, text.includes(' ')]))
  for (const [at, arg] of args.entries()) {
    const [, option, own] = /^--([^=]+)(?:=(.*))?$/s.exec(arg) ?? []
    if (option === undefined) continue
    if (!known.has(option)) end(`there is no option --${option}`)
    const value = own ?? args[at + 1]
    if (known.get(option) === true && !/^\d+(\.\d+)?$/.test(value ?? ''))
      end(`--${option}${value === undefined ? '' : ` ${JSON.stringify(value)}`}: give a number`)
  }
}

/** Refuses an option that Node's argument parser does not know. @param {unknown} error */
function refuse(error) {
  if (!(error instanceof Error) || !('code' in error) || !String(error.code).startsWith('ERR_PARSE_ARGS_')) throw error
  end(error.message.replace(/\. To specify.*$/s, ''))
}

/** @param {string} why @returns {never} */
function end(why) {
  console.error(`${process.env.npm_lifecycle_event ?? name}: ${why}; --help shows the options`)
  process.exit(2)
}

/** npm passes SIGTERM to its shell, which ends without telling us. */
function endWithParent() {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    process.kill(process.pid, 'SIGTERM')
  }, 200)
  timer.unref()
}

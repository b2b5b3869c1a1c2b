// `npm start`, `npm run load`, `npm run bench`, `npm run bench:hit-ratio`, `npm run bench:http`, `npm run bench:consistency`: installs and builds what is
// missing, then runs the program in this very process, so that signals, exit code, arguments and environment are the program's own.
// @ts-check
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, checkNode, install, root } from './prepare.mjs'

/** @type {Record<string, { project: string, entry: string }>} */
const programs = {
  serve: { project: 'apps/deals', entry: 'apps/deals/dist/main.js' },
  load: { project: 'apps/deals', entry: 'apps/deals/dist/load.js' },
  bench: { project: 'bench', entry: 'bench/dist/main.js' },
  'hit-ratio': { project: 'bench', entry: 'bench/dist/hit-ratio.js' },
  'bench-http': { project: 'bench', entry: 'bench/dist/http.js' },
  consistency: { project: 'bench', entry: 'bench/dist/consistency.js' },
}

const [name = 'serve', ...args] = process.argv.slice(2)
const program = programs[name]
if (!program) {
  console.error(`millpond: no program ${JSON.stringify(name)}; there are ${Object.keys(programs).join(', ')}`)
  process.exit(2)
}

checkNode()
if (!install() || !build([program.project])) process.exit(1)

const path = join(root, program.entry)
if (!existsSync(path)) {
  console.error(`millpond: ${program.entry} is not there after the build`)
  process.exit(1)
}
if (process.env.npm_lifecycle_event) endWithParent()
process.argv = [process.execPath, path, ...args]
await import(pathToFileURL(path).href)

/** npm passes SIGTERM on to its shell, and the shell dies of it without a word to us. */
function endWithParent() {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    process.kill(process.pid, 'SIGTERM')
  }, 200)
  timer.unref()
}

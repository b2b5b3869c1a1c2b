// `npm run docs`: the docs site: guide, reference of everything public, decisions and benchmarks, with one search over
// them; and llms.txt. It has packages of its own, so that nothing else has to install them.
// @ts-check
import { join } from 'node:path'
import { build, checkNode, install, npmIn, root, run } from './prepare.mjs'
import { serveFolder } from './serve-folder.mjs'

const USAGE = `npm run docs -- [--check] [--serve] [--port N]

  Builds the docs site, the guide and the reference of everything public, into docs/site/dist.
  --check   fails for a dead link, a page of the guide or a public name that is missing, or a question that the search does not answer
  --serve   then serves it on this machine, on a free port or at --port N`

const args = process.argv.slice(2)
if (args.includes('--help') || args.includes('-h')) {
  console.log(USAGE)
  process.exit(0)
}
const at = args.indexOf('--port')
const port = at < 0 ? 0 : Number(args[at + 1])
const odd = args.find((arg, index) => !['--check', '--serve', '--port'].includes(arg) && !(at >= 0 && index === at + 1))
if (odd !== undefined) refuse(`${JSON.stringify(odd)} is not an option`)
if (!Number.isInteger(port) || port < 0 || port > 65_535)
  refuse(`--port: ${JSON.stringify(args[at + 1])} is not a port: give 1 to 65535`)

checkNode()
const site = join(root, 'docs', 'site')
if (!install() || !build() || !npmIn(site) || !run(process.execPath, [join(site, 'make.mjs')])) process.exit(1)
if (args.includes('--check') && !run(process.execPath, [join(site, 'check.mjs')])) process.exit(1)
console.log('docs: docs/site/dist has the site; any server of files can serve it, as can "npm run docs -- --serve"')
if (args.includes('--serve'))
  try {
    console.log(`docs: ${(await serveFolder(join(site, 'dist'), port)).url}`)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && ['EADDRINUSE', 'EACCES'].includes(String(error.code))))
      throw error
    console.error(`docs: cannot listen at port ${port} (${error.code}): leave --port out for a free one`)
    process.exit(1)
  }

/** @param {string} message @returns {never} */
function refuse(message) {
  console.error(`docs: ${message}\n\n${USAGE}`)
  process.exit(2)
}

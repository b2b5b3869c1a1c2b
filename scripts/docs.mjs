// `npm run docs`: the docs site: guide, reference of everything public, decisions and benchmarks, with one search over
// them; and llms.txt. Its packages are its own, so that nothing else has to install them.
// @ts-check
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { build, checkNode, install, npmIn, root, run } from './prepare.mjs'

const USAGE = `npm run docs -- [--check] [--serve] [--port N]

  Makes the docs site of the guide and the reference of everything public, into docs/site/dist.
  --check   fails where a link leads nowhere, a page of the guide or a public name is not in it, or a question is not answered
  --serve   then serves it on this machine, on a free port unless --port says which`

const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.webp': 'image/webp',
  '.json': 'application/json',
}

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
if (args.includes('--serve')) serve(join(site, 'dist'))

/** @param {string} folder */
function serve(folder) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const path = join(folder, decodeURIComponent(pathname.endsWith('/') ? `${pathname}index.html` : pathname))
    const isThere = path.startsWith(folder) && existsSync(path) && statSync(path).isFile()
    const type = Reflect.get(TYPES, extname(path)) ?? 'text/plain'
    response.writeHead(isThere ? 200 : 404, {
      'Content-Type': isThere ? `${type}; charset=utf-8` : 'text/html; charset=utf-8',
    })
    if (isThere) createReadStream(path).pipe(response)
    else response.end(readFileSync(join(folder, '404.html')))
  })
  server.listen(port, '127.0.0.1', () => {
    const address = server.address()
    console.log(`docs: http://127.0.0.1:${typeof address === 'object' ? address?.port : port}/`)
  })
}

/** @param {string} message @returns {never} */
function refuse(message) {
  console.error(`docs: ${message}\n\n${USAGE}`)
  process.exit(2)
}

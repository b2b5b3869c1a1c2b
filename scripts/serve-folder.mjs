// A local server of static files, for `npm run docs -- --serve`.
// @ts-check
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, sep } from 'node:path'

const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.webp': 'image/webp',
  '.json': 'application/json',
}

/**
 * The file that a path names: itself, the page of that name, or the folder's index. Never outside the folder.
 * @param {string} folder @param {string} pathname as in a URL
 */
function fileOf(folder, pathname) {
  let name
  try {
    name = decodeURIComponent(pathname)
  } catch {
    return undefined // a percent sign that encodes nothing
  }
  if (name.includes('\0')) return undefined
  const path = join(folder, name)
  const candidates = name.endsWith('/') ? [join(path, 'index.html')] : [path, `${path}.html`]
  return candidates.find((one) => one.startsWith(folder + sep) && existsSync(one) && statSync(one).isFile())
}

/**
 * Resolves with the server's address; rejects if it cannot listen.
 * @param {string} folder with a `404.html` @param {number} port 0: a free one
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export async function serveFolder(folder, port) {
  const server = createServer((request, response) => {
    const file = fileOf(folder, (request.url ?? '/').replace(/[?#].*$/s, ''))
    const type = Reflect.get(TYPES, extname(file ?? '.html')) ?? 'text/plain'
    response.writeHead(file === undefined ? 404 : 200, { 'Content-Type': `${type}; charset=utf-8` })
    if (request.method === 'HEAD') response.end()
    else if (file === undefined) response.end(readFileSync(join(folder, '404.html')))
    else createReadStream(file).pipe(response)
  })
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(undefined))
  })
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : port}/`,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

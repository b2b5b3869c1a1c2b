// Server programs, as scripts/servers.mjs finds or fetches them, and ports for them.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Program {
  readonly path: string
  readonly version: string
  readonly libraries?: string
}

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Programs that no test needs. */
const COMPARED: ReadonlySet<string> = new Set(['wrk', 'nginx', 'varnish'])

/** Throws an `Error` that says how to get it when it is not here. */
export function findProgram(name: 'redis' | 'memcached' | 'postgres' | 'nginx' | 'varnish' | 'wrk'): Program {
  const found = recorded(name)
  if (found !== undefined) return found
  // Standard output is for figures.
  spawnSync(process.execPath, [join(root, 'scripts/servers.mjs'), ...(COMPARED.has(name) ? ['--compared'] : [])], {
    stdio: ['ignore', 2, 2],
  })
  const brought = recorded(name)
  if (brought === undefined) throw new Error(`no ${name} here: have it installed by the system's packages`)
  return brought
}

function recorded(name: string): Program | undefined {
  try {
    return JSON.parse(readFileSync(join(root, '.cache/servers.json'), 'utf8'))[name]
  } catch {
    return undefined
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        address === null || typeof address === 'string' ? reject(new Error('no port')) : resolve(address.port),
      )
    })
  })
}

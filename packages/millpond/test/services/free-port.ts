// Loopback ports that are not in use, below the range from which systems number outgoing connections, so that a restart
// finds its port free.
import { createServer } from 'node:net'

const LOWEST = 20_000
/**
 * Test processes at a time have each a share: the port of a server that is killed for a while is given to none of the
 * others meanwhile.
 */
const SHARES = 8
const SHARE = 1500
const given = new Set<number>()

/** A port of 127.0.0.1 that is free now and was not given out by this process before. */
export async function freePort(): Promise<number> {
  // Vitest numbers the processes that run at the same time.
  const share = Number(process.env.VITEST_POOL_ID ?? process.pid) % SHARES
  for (let tries = 0; tries < 200; tries += 1) {
    const port = LOWEST + SHARE * share + Math.floor(Math.random() * SHARE)
    if (given.has(port)) continue
    // At once, so that it is not given to another caller while it is tried.
    given.add(port)
    if (await isFree(port)) return port
  }
  throw new Error('no free loopback port found')
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

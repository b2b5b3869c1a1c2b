// Loopback ports that nobody uses, below the range from which systems number outgoing connections, so that a restart finds its port free.
import { createServer } from 'node:net'

const LOWEST = 20_000
const COUNT = 12_000
const given = new Set<number>()

/** A port of 127.0.0.1 that is free now and was not given out by this process before. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 200; tries += 1) {
    const port = LOWEST + Math.floor(Math.random() * COUNT)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
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

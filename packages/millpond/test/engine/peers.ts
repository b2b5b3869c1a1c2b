// Child processes for tests, each with a cache of its own (process.mjs), called like objects.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach } from 'vitest'

const SCRIPT = fileURLToPath(new URL('./process.mjs', import.meta.url))
const BUILT = fileURLToPath(new URL('../../dist/index.js', import.meta.url))

export interface Peer {
  readonly process: ChildProcess
  call(verb: string, given?: object): Promise<unknown>
}

const peers: Peer[] = []

export function startPeer(options: object): Peer {
  const child = spawn(process.execPath, [SCRIPT, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting = new Map<number, (answer: { value?: unknown; error?: string }) => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const answer = JSON.parse(line)
    waiting.get(answer.id)?.(answer)
  })
  let count = 0
  const peer: Peer = {
    process: child,
    call: (verb, given = {}) =>
      new Promise((resolve, reject) => {
        const id = count++
        waiting.set(id, ({ value, error }) => (error === undefined ? resolve(value) : reject(new Error(error))))
        child.stdin.write(`${JSON.stringify({ id, verb, ...given })}\n`)
      }),
  }
  peers.push(peer)
  return peer
}

/**
 * Ends what the tests started, also when they failed or stopped it. To be called after `closeAfterEach`: what comes
 * later is undone first.
 */
export function killAfterEach(): void {
  if (!existsSync(BUILT)) throw new Error('these tests run the built library: npm run build first')
  afterEach(async () => {
    await Promise.all(peers.splice(0).map((peer) => end(peer.process)))
  })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

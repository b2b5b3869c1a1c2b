// Kills writers behind a journal or a stream at random moments, pair after pair, and judges what the source has in the
// end.
// @ts-check
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { compile } from '../histories/compile.mjs'

const CHILD = fileURLToPath(new URL('./write-behind-child.mjs', import.meta.url))

/**
 * @typedef {object} Verdict
 * @property {number} kills
 * @property {number} acked writes that were acknowledged
 * @property {string[]} lost keys whose last acknowledged write the source never saw
 * @property {string[]} disordered keys whose writes reached the source in another order
 */

/**
 * Two writers at a time share the journal; each ends by a kill. Then one process drains it.
 * @param {object} options
 * @param {'journal' | 'journal-sync' | 'stream'} options.durability
 * @param {string} [options.url] of the server, for `stream`
 * @param {() => Promise<unknown>} [options.buried] waited for before the journal is drained: the dead must be known to
 * be dead
 * @param {(kills: number) => boolean} options.goesOn asked before each pair
 * @param {() => number} [options.random]
 * @param {() => void} [options.onAcked] told that writes were acknowledged
 * @param {AbortSignal} [options.signal] ends it without a verdict, with its reason
 * @returns {Promise<Verdict>}
 */
export async function killWriters({ durability, goesOn, url, buried, random = Math.random, onAcked, signal }) {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-kills-'))
  const library = compile()
  const journal = url ?? join(folder, 'journal')
  const source = join(folder, 'source')
  const acked = new Map()
  let kills = 0
  let count = 0
  try {
    while (signal?.aborted !== true && goesOn(kills)) {
      const pair = ['a', 'b'].map((name) => {
        const after = 20 + Math.floor(random() ** 3 * 2000)
        return runAndKill([CHILD, library, journal, source, `${name}${kills}`, durability], after, { onAcked, signal })
      })
      for (const [id = '', value = ''] of (await Promise.all(pair)).flat().map((line) => line.split(' '))) {
        acked.set(id, Math.max(acked.get(id) ?? 0, Number(value)))
        count++
      }
      kills += 2
    }
    signal?.throwIfAborted()
    await buried?.()
    await drain(library, journal, source, durability)
    return { kills, acked: count, ...judge(acked, existsSync(source) ? readFileSync(source, 'utf8') : '') }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Where the streams of the writers' collection lie. */
const STREAMS = '{millpond:writes:cache/default/item}'

/**
 * The same over a server that is killed too, at random moments, and comes back with what its log has (it must sync what
 * it acknowledges).
 * @param {object} options
 * @param {{ readonly url: string, kill(): Promise<void>, restart(): Promise<void>, command(...words: string[]):
 * Promise<unknown> }} options.server
 * @param {(kills: number) => boolean} options.goesOn
 * @param {() => number} [options.random]
 * @returns {Promise<Verdict & { serverKills: number }>}
 */
export async function killStreamWriters({ server, goesOn, random = Math.random }) {
  let isOver = false
  let serverKills = 0
  let told = 0
  const killing = (async () => {
    while (!isOver) {
      // On a busy machine a server takes seconds until it is there again, and writers until they have found it.
      for (const before = told; !isOver && told === before; ) await sleep(20)
      await sleep(random() * 1500)
      await server.kill()
      serverKills++
      await server.restart()
    }
  })()
  // Writers wait for a server that does not come back for ever.
  const ends = new AbortController()
  killing.catch((error) => ends.abort(error))
  const buried = async () => {
    isOver = true
    await killing
    // Ctrl-C stops the server, too.
    await server.restart()
    const owners = await server.command('HKEYS', `${STREAMS}:owners`)
    if (Array.isArray(owners)) for (const owner of owners) await server.command('DEL', `${STREAMS}:lease:${owner}`)
  }
  try {
    return {
      ...(await killWriters({
        durability: 'stream',
        url: server.url,
        buried,
        goesOn,
        random,
        onAcked: () => told++,
        signal: ends.signal,
      })),
      serverKills,
    }
  } finally {
    // If writers have failed it was not awaited, and the caller stops the server.
    isOver = true
    await killing.catch(() => {})
  }
}

/**
 * @param {readonly string[]} argv
 * @param {number} lines
 * @param {{ onAcked?: (() => void) | undefined, signal?: AbortSignal | undefined }} options
 * @returns {Promise<string[]>}
 */
async function runAndKill(argv, lines, { onAcked, signal }) {
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  let seen = 0
  const kill = () => child.kill('SIGKILL')
  signal?.addEventListener('abort', kill, { once: true })
  child.stdout.setEncoding('utf8').on('data', (/** @type {string} */ more) => {
    text += more
    onAcked?.()
    seen += more.split('\n').length - 1
    if (seen >= lines) kill()
  })
  await once(child, 'close')
  signal?.removeEventListener('abort', kill)
  return text.split('\n').slice(0, -1) // a line that was not finished was not acknowledged
}

/** @param {string} library @param {string} journal @param {string} source @param {string} durability */
async function drain(library, journal, source, durability) {
  const { createCache } = await import(pathToFileURL(`${library}/src/index.js`).href)
  const { appendFileSync } = await import('node:fs')
  const cache = createCache()
  cache.collection('item', {
    store: (/** @type {string} */ id, /** @type {number} */ value) => appendFileSync(source, `${id} ${value}\n`),
    write: 'write-behind',
    writeBehind: durability === 'stream' ? { stream: { url: journal } } : { durability, journal },
  })
  await cache.flush()
  await cache.close()
}

/** @param {ReadonlyMap<string, number>} acked @param {string} log */
function judge(acked, log) {
  const last = new Map()
  const disordered = new Set()
  for (const line of log.split('\n')) {
    const [id = '', value = ''] = line.split(' ')
    if (Number(value) < (last.get(id) ?? 0)) disordered.add(id)
    last.set(id, Number(value))
  }
  return {
    lost: [...acked].filter(([id, value]) => (last.get(id) ?? 0) < value).map(([id]) => id),
    disordered: [...disordered],
  }
}

// One of some processes that read and write sealed entries of one file while their ring rotates: `rotator.mjs <compiled
// folder> <shared folder> <number> <of> <milliseconds>`.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [, , folder = '', shared = '', number = '0', of = '1', ms = '0'] = process.argv
const from = (/** @type {string} */ file) => import(pathToFileURL(join(folder, file)).href)
const { folderKeyStore, keyring, storedKeyring } = await from('src/codec/index.js')
const { createCache } = await from('src/index.js')
const { sqlite } = await from('src/tiers/sqlite/index.js')
const KEYS = 60
let rotations = 0
const ring = await storedKeyring({
  by: keyring({ current: 'root', keys: { root: new Uint8Array(32).fill(7) } }),
  store: folderKeyStore(join(shared, 'keys')),
  rotateAfter: { records: 100 },
  recheck: 50,
  overlap: 1000,
  timeout: '30s',
  onRotation: () => rotations++,
})
const cache = createCache({
  name: 'rotation',
  tiers: [{ use: sqlite({ path: join(shared, 'cache.db') }), timeout: '10s' }],
  codec: { encrypt: ring },
})
/** @type {Record<string, number>} */
const rejected = {}
cache.on('rejected', (/** @type {{ why: string }} */ { why }) => {
  rejected[why] = (rejected[why] ?? 0) + 1
})
/** @type {Record<string, number>} */
const causes = {}
cache.on('miss', (/** @type {{ cause: string }} */ { cause }) => {
  causes[cause] = (causes[cause] ?? 0) + 1
})
const own = Array.from({ length: KEYS }, (_, at) => at).filter((at) => at % Number(of) === Number(number))
await Promise.all(own.map((at) => cache.set(`k${at}`, { at, turn: 0 }, { ttl: '1h' })))
process.stdout.write('ready\n')
await new Promise((resolve) => process.stdin.once('data', resolve))
const until = performance.now() + Number(ms)
const seen = new Set()
let [reads, strangers, failures, resealed, turn] = [0, 0, 0, 0, 0]
// For its time, and until it has been through what is to be judged.
const isDone = () => seen.size > 1 && (Number(number) !== 0 || resealed > 0)
while (performance.now() < until || (!isDone() && performance.now() < until + 25_000)) {
  turn++
  seen.add(ring.current)
  try {
    await cache.set(`k${own[turn % own.length]}`, { at: own[turn % own.length], turn }, { ttl: '1h' })
    for (let more = 0; more < 5; more++) {
      const at = (turn * 7 + more * 11) % KEYS
      const found = await cache.get(`k${at}`)
      reads++
      if (found !== undefined && found.at !== at) strangers++
    }
    // Behind readers and writers, stopped half way each time but the last.
    if (Number(number) === 0 && turn % 20 === 0) {
      const stop = new AbortController()
      let sofar = 0
      const onProgress = (/** @type {{ resealed: number }} */ { resealed }) => {
        sofar = resealed
        if (turn % 40 === 0) stop.abort()
      }
      await cache.reseal({ signal: stop.signal, onProgress }).catch((/** @type {{ code: string }} */ error) => {
        if (error.code !== 'ABORTED') throw error
      })
      resealed += sofar
    }
  } catch (error) {
    failures++
    process.stderr.write(`${String(error)}\n`)
  }
}
await ring.check()
process.stdout.write(
  JSON.stringify({
    reads,
    strangers,
    causes,
    failures,
    rejected,
    rotations,
    resealed,
    keys: ring.keys.length,
    currents: seen.size,
  }),
)
await cache.close()
await ring.close()
process.exit(0)

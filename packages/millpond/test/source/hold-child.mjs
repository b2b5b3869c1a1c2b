// Writes one row through a collection, and stays between the source's commit and the caches until it is killed.
// Arguments: folder of the compiled library, the tier and where it is, the source's file, the hold in milliseconds.
// Says `held` before the commit, commits at the first input, and says `committed`.
import { once } from 'node:events'
import { writeFileSync, writeSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const [folder = '', kind = '', address = '', source = '', hold = ''] = process.argv.slice(2)
const load = (/** @type {string} */ path) => import(pathToFileURL(`${folder}/src/${path}`).href)
const { createCache, memory } = await load('index.js')
const { redis } = await load('tiers/redis/index.js')
const { sqlite } = await load('tiers/sqlite/index.js')
const tier = kind === 'redis' ? redis({ url: address }) : sqlite({ path: address })
const rows = createCache({ name: 'held', tiers: [memory(), tier] }).collection('row', {
  hold: Number(hold),
  store: async (/** @type {string} */ _, /** @type {string} */ value) => {
    writeSync(1, 'held\n')
    await once(process.stdin, 'data')
    writeFileSync(source, value)
    writeSync(1, 'committed\n')
    await new Promise(() => {})
  },
})
await rows.set('r', 'new')

// Two regions with a store and a ledger each: an invalidation in one applies in the other, and the receipt says so.
// @ts-check
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCache, memory } from 'millpond'
import { edge } from 'millpond/tiers/edge'
import { sqlite } from 'millpond/tiers/sqlite'

const folder = mkdtempSync(join(tmpdir(), 'regions-'))
/** In production `{ ledger: redis({ url }) }` of that region. @param {string} name */
const stores = (name) => ({ ledger: sqlite({ path: join(folder, `${name}.db`) }) })
/** @param {string} region */
const start = (region) =>
  createCache({
    name: 'shop',
    tiers: [memory(), edge({ regions: { us: stores('us'), eu: stores('eu') }, region, origin: 'us', wait: '5s' })],
  })
const [us, eu] = [start('us'), start('eu')]

let price = 100
const read = (/** @type {import('millpond').Cache} */ cache) =>
  cache.getOrSet('price:7', async () => price, { ttl: '1h' })
await Promise.all([read(us), read(eu)])
price = 120
const { regions = [] } = await us.delete('price:7')
console.log(
  `regions ${regions.map(({ region, state }) => `${region} ${state}`).join(', ')}; eu reads ${await read(eu)}`,
)
await Promise.all([us.close(), eu.close()])
rmSync(folder, { recursive: true })

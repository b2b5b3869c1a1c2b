// A real process of the fleet: a cache whose namespaces are each read every half second, which is what keeps them in
// use. With `memory` for a server it only reads, which tells what the reads cost.
import { createCache, memory } from 'millpond'
import { tierOf } from './tiers.ts'
import { nameOf, type Word } from './words.ts'

const [kind = '', url = '', count = '1'] = process.argv.slice(2)
const shared = kind === 'redis' || kind === 'postgres' ? [tierOf(kind, url)] : []
const cache = createCache({ name: 'fleet', tiers: [memory(), ...shared] })
const spaces = Array.from({ length: Number(count) }, (_, at) => cache.namespace(nameOf(at)))
for (const space of spaces) await space.getOrSet('k', () => 1)
let at = 0
// A part at a time, so that no burst of reads is measured.
const timer = setInterval(() => {
  for (let reads = Math.ceil(spaces.length / 10); reads > 0; reads--)
    spaces[at++ % spaces.length]?.getOrSet('k', () => 1)?.catch?.(() => {})
}, 50)

let used = process.cpuUsage()
let since = performance.now()
process.on('message', (word: Word) => {
  const { user, system } = process.cpuUsage(used)
  const part = (user + system) / 1000 / (performance.now() - since)
  if (word === 'rest') {
    used = process.cpuUsage()
    since = performance.now()
  }
  if (word !== 'end') {
    process.send?.(part)
    return
  }
  clearInterval(timer)
  void cache.close().finally(() => process.disconnect?.())
})
process.send?.(0)

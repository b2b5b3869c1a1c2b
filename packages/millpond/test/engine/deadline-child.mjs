// A program with nothing to do but to wait for one call. Arguments: folder of the compiled library, name of the call.
import { pathToFileURL } from 'node:url'

const [folder = '', name = ''] = process.argv.slice(2)
const { createCache } = await import(pathToFileURL(`${folder}/src/index.js`).href)
const cache = createCache()
const never = () => new Promise(() => {})
const LONG = { timeout: { hard: '1h' } }

/** @type {Record<string, () => Promise<unknown>>} */
const calls = {
  hangs: () => cache.getOrSet('k', never, { timeout: { hard: '300ms' } }),
  answers: () => cache.getOrSet('k', () => new Promise((resolve) => setTimeout(resolve, 50, 'v')), LONG),
  'waits for a lease': async () => {
    await cache.getEntry('k', { lease: { for: '300ms' } })
    return cache.getOrSet('k', () => 'v', LONG)
  },
  'holds a lease': async () => {
    await cache.getEntry('k', { lease: { for: '1h' } })
    return 'v'
  },
  'leaves a refresh behind': async () => {
    await cache.set('k', 'v', { ttl: '1ms', staleFor: '1h' })
    await new Promise((resolve) => setTimeout(resolve, 50))
    return cache.getOrSet('k', never, { timeout: { hard: '300ms' }, staleFor: '1h' })
  },
}
const began = performance.now()
const outcome = await calls[name]?.().catch((error) => error.code)
process.on('exit', () => {
  process.stdout.write(JSON.stringify({ outcome, livedMs: performance.now() - began }))
})

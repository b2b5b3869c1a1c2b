// bentocache as its page on multi-tier caches sets it up: L1 memory, L2 Redis, bus over Redis.
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis'
import { Redis } from 'ioredis'
import type { ContenderCache, ContenderOptions } from './contender.ts'

export async function openBentocache({ url, ttlMs, maxEntries }: ContenderOptions): Promise<ContenderCache> {
  const { hostname, port } = new URL(url)
  const connection = { host: hostname, port: Number(port) }
  // A client of ours, so that a lost connection is an event with a listener and not a line on the console.
  const client = new Redis(connection)
  client.on('error', () => undefined)
  const bus = new Redis({ ...connection, lazyConnect: true })
  const duplicates: Redis[] = []
  const duplicate = bus.duplicate.bind(bus)
  bus.duplicate = (override) => {
    const made = duplicate({ ...override, lazyConnect: false })
    made.on('error', () => undefined)
    duplicates.push(made)
    return made
  }
  const bento = new BentoCache({
    default: 'main',
    ttl: ttlMs,
    stores: {
      main: bentostore()
        .useL1Layer(memoryDriver({ maxItems: maxEntries }))
        .useL2Layer(redisDriver({ connection: client }))
        .useBus(redisBusDriver({ connection: bus })),
    },
  })
  return {
    getOrSet: (key, load, { ttlMs: ttl, tags } = {}) =>
      bento.getOrSet({
        key,
        factory: load,
        ...(ttl === undefined ? {} : { ttl }),
        ...(tags === undefined ? {} : { tags: [...tags] }),
      }),
    get: (key) => bento.get({ key }),
    // It has no read of many keys.
    getMany: (keys) => Promise.all(keys.map((key) => bento.get({ key }))),
    set: (key, value, tags) => bento.set({ key, value, ...(tags === undefined ? {} : { tags: [...tags] }) }),
    delete: async (key) => {
      await bento.delete({ key })
      return true
    },
    invalidateTag: async (tag) => {
      await bento.deleteByTag({ tags: [tag] })
      return true
    },
    close: async () => {
      await bento.disconnectAll()
      for (const one of [client, bus, ...duplicates]) one.disconnect()
    },
  }
}

// The floor: ioredis and JSON, nothing else. The very ioredis that our tier uses, so that only what a cache adds is
// compared.
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Redis } from 'ioredis'
import type { ContenderCache, ContenderOptions } from './contender.ts'

export async function openBare({ url, ttlMs }: ContenderOptions): Promise<ContenderCache> {
  const client = openClient(url)
  const parse = (text: string | null): unknown => (text === null ? undefined : JSON.parse(text))
  return {
    getOrSet: async (_key, load) => load(),
    get: async (key) => parse(await client.get(key)),
    getMany: async (keys) => (await client.mget(...keys)).map(parse),
    set: (key, value) => client.set(key, JSON.stringify(value), 'PX', ttlMs),
    setMany: (entries) => {
      const pipeline = client.pipeline()
      for (const [key, value] of entries) pipeline.set(key, JSON.stringify(value), 'PX', ttlMs)
      return pipeline.exec()
    },
    delete: async (key) => (await client.del(key)) > 0,
    close: async () => client.disconnect(),
  }
}

function openClient(url: string): Redis {
  const require = createRequire(fileURLToPath(import.meta.resolve('millpond')))
  const { Redis: Client }: typeof import('ioredis') = require('ioredis')
  return new Client(url)
}

// What each part says where its optional package is not there, and what becomes of tiers that may be left out.
import { createCache, memory } from 'millpond'
import { valueCodec } from 'millpond/codec'
import { awsKms } from 'millpond/codec/aws-kms'
import { createHttpCache } from 'millpond/http'
import { memoryJobs } from 'millpond/jobs'
import { bullmqJobs } from 'millpond/jobs/bullmq'
import { postgres } from 'millpond/tiers/postgres'
import { redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'

const told = async (work) => {
  try {
    await work()
    return 'nothing'
  } catch (error) {
    return `${error.name} ${error.code} ${error.message}`
  }
}

const cache = createCache({ jobs: memoryJobs() })
const client = { call() {}, duplicate() {} }
const stream = { store: async () => {}, write: 'write-behind', writeBehind: { stream: { url: 'redis://127.0.0.1:1' } } }
const parts = {
  ioredis: () => redis({ url: 'redis://127.0.0.1:1' }),
  redis: () => redis({ url: 'redis://127.0.0.1:1', driver: 'redis' }),
  pg: () => postgres({ url: 'postgres://127.0.0.1:1/shop' }),
  libsql: () => sqlite({ path: 'cache.sqlite', driver: 'libsql' }),
  croner: () => cache.jobs.repeat('report', { cron: '0 3 * * *' }, () => {}),
  re2js: () => cache.invalidatePattern(/^user:[0-9]+$/),
  'lz4-napi': () => valueCodec({ compress: { algorithm: 'lz4' } }),
  'structured-headers': () => createHttpCache(cache),
  bullmq: () => bullmqJobs({ client }),
  '@aws-sdk/client-kms': () => awsKms({ keyId: 'alias/cache' }),
  'ioredis (of a stream)': () => cache.collection('item', stream),
}

async function leaveOut() {
  const optional = ['ioredis', 'redis', 'pg', 'libsql'].map((name) => ({ use: parts[name], name, optional: true }))
  const small = createCache({ tiers: [memory(), ...optional] })
  const warnings = []
  small.on('warning', ({ message }) => warnings.push(message))
  await small.set('k', 1)
  const kept = [await small.get('k'), small.info().config.tiers]
  await small.close()
  return { kept, warnings }
}

async function tell() {
  const errors = {}
  for (const [name, work] of Object.entries(parts)) errors[name] = await told(work)
  console.log(JSON.stringify({ errors, leftOut: await leaveOut().catch((error) => `${error.code} ${error.message}`) }))
  await cache.close()
}

tell()

// What the server makes of our statements, on the settings that its package ships: every plan is by index, and none is
// compiled (jit is on there).
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCache, memory } from '../../src/index.ts'
import { postgres } from '../../src/tiers/postgres/index.ts'
import {
  describeWith,
  PATIENCE,
  type PostgresService,
  patient,
  SHIPPED_SYNCS,
  startPostgres,
} from '../services/index.ts'

const EXPLAIN = [
  'session_preload_libraries=auto_explain',
  'auto_explain.log_min_duration=0',
  'auto_explain.log_nested_statements=on',
]

describeWith('postgres', 'the plans of the postgres tier', () => {
  let server: PostgresService
  beforeAll(async () => {
    server = await startPostgres({ args: [...SHIPPED_SYNCS, ...EXPLAIN.flatMap((setting) => ['-c', setting])] })
  })
  afterAll(() => server.stop())

  test('no call of a cache makes the server compile a plan', async () => {
    expect(await server.query("SELECT current_setting('jit') AS jit, pg_jit_available() AS available")).toEqual([
      { jit: 'on', available: true },
    ])
    const cache = createCache({ tiers: [memory(), patient(postgres({ url: server.url, ...PATIENCE }))] })
    await cache.setMany(Array.from({ length: 300 }, (_, at) => [`key:${at}`, at]))
    for (let at = 0; at < 20; at++) await cache.set(`key:${at}`, at, { tags: ['all', `t${at}`] })
    await cache.getOrSet('loaded', async () => 1)
    await cache.getOrSetMany(['m1', 'm2'], { load: async (ids) => ids })
    await cache.delete('key:1')
    await cache.invalidateTags(['t3'])
    await cache.invalidatePattern('key:2*')
    await cache.clear()
    await cache.close()
    const log = server.log()
    expect(log).toContain('Query Text:')
    expect(log.match(/JIT:/g) ?? []).toEqual([])
  })
})

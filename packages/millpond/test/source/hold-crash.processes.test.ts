// A process is killed between its source's commit and the caches: once its hold has run out no reader gets the old
// value any more (G16, G17).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type CacheOptions, memory } from 'millpond'
import { redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closeAfterEach, newFolder, open } from '../engine/setups.ts'
import { compile } from '../histories/compile.mjs'
import { describeWith, PATIENCE, patient, type RedisService, startRedis, until } from '../services/index.ts'

const CHILD = fileURLToPath(new URL('./hold-child.mjs', import.meta.url))
const HOLD_MS = 1500

let library = ''
// Compiling takes its time where others work too.
beforeAll(() => {
  library = compile()
}, 300_000)

async function killBetween(kind: 'redis' | 'sqlite', address: string): Promise<void> {
  const source = join(newFolder(), 'source')
  writeFileSync(source, 'old')
  const openCache = () => {
    const tiers: NonNullable<CacheOptions['tiers']> = [
      memory(),
      patient(kind === 'redis' ? redis({ url: address, ...PATIENCE }) : sqlite({ path: address })),
    ]
    const cache = open({ name: 'held', tiers })
    let late: Promise<void> | undefined
    const rows = cache.collection('row', {
      timeout: { hard: '1m' },
      load: async () => {
        const value = readFileSync(source, 'utf8')
        await late
        return value
      },
    })
    return {
      cache,
      rows,
      hold(until: Promise<void> | undefined) {
        late = until
      },
    }
  }
  const reader = openCache()
  const slow = openCache()
  expect([await reader.rows.get('r'), await slow.rows.get('r')]).toEqual(['old', 'old'])

  const child = spawn(process.execPath, [CHILD, library, kind, address, source, String(HOLD_MS)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    const said = async (word: string) => {
      const [text] = await once(child.stdout, 'data')
      expect(String(text)).toBe(`${word}\n`)
    }
    await said('held')
    // Readers get the old row while it is being written, but it is not cached.
    expect(await reader.rows.get('r', { consistency: 'strong' })).toBe('old')
    await reader.cache.flush()
    expect([reader.cache.peek(['row', 'r']), await slow.cache.get(['row', 'r'], { consistency: 'strong' })]).toEqual([
      undefined,
      undefined,
    ])
    let end = (): void => {}
    slow.hold(
      new Promise((resolve) => {
        end = resolve
      }),
    )
    const { loads } = slow.cache.stats()
    const late = slow.rows.get('r')
    await until('the late load to have read the old row', () => slow.cache.stats().loads > loads)
    const before = JSON.stringify(slow.cache.token())
    child.stdin.write('go on\n')
    await said('committed')
    child.kill('SIGKILL')
    await once(child, 'close')
    await until('the hold to run out', async () => {
      await slow.cache.get('another', { consistency: 'strong' })
      return JSON.stringify(slow.cache.token()) !== before
    })
    end()
    expect(await late).toBe('old')
    slow.hold(undefined)
    await slow.cache.flush()
    expect([
      await slow.rows.get('r'),
      await reader.rows.get('r', { consistency: 'strong' }),
      await openCache().rows.get('r'),
    ]).toEqual(['new', 'new', 'new'])
    await slow.cache.flush()
    expect([slow.cache.peek(['row', 'r']), await openCache().cache.get(['row', 'r'])]).toEqual(['new', 'new'])
  } finally {
    child.kill('SIGKILL')
  }
}

describe('G16 G17: a writer is killed between source and caches', () => {
  closeAfterEach()
  it('over SQLite', { timeout: 120_000 }, () => killBetween('sqlite', join(newFolder(), 'cache.db')))
})

describeWith('redis', 'G16 G17: a writer is killed between source and caches', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  closeAfterEach()
  it('over Redis', { timeout: 120_000 }, () => killBetween('redis', server.url))
})

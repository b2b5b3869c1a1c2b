// Faults that were reported of others' parts of this kind, tried on ours with their neighbours. Each names its report.
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { file } from 'millpond/tiers/file'
import { memcached } from 'millpond/tiers/memcached'
import { postgres } from 'millpond/tiers/postgres'
import { afterEach, describe, expect, test } from 'vitest'
import type { Tier } from '../../src/core/contracts.ts'
import { until } from '../../src/testing/runner.ts'
import { item } from '../../src/testing/tier.ts'
import { compile } from '../histories/compile.mjs'
import { describeWith, PATIENCE, startMemcached, startPostgres } from '../services/index.ts'
import { answers } from './faults.ts'
import { temporaryFolder } from './folder.ts'

const CHILD = fileURLToPath(new URL('./file-child.mjs', import.meta.url))
const MIB = 1_048_576
const folder = temporaryFolder()
const closing: { close(): Promise<unknown> }[] = []
const opened = <T extends Tier>(tier: T): T => {
  closing.push(tier)
  return tier
}
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close()
})

describe('files', () => {
  test.skipIf(process.platform !== 'linux')(
    'descriptors run out while a folder is opened: none is lost for good (npm/cacache#261)',
    () => {
      const command = 'ulimit -n 256; exec "$0" "$@"'
      const run = spawnSync(
        'bash',
        ['-c', command, process.execPath, CHILD, compile(), folder(), 'starve', 'few', String(MIB)],
        {
          encoding: 'utf8',
        },
      )
      expect(run.stderr).toBe('')
      expect(JSON.parse(run.stdout)).toEqual({ failures: ['TIER_FAILED'], leaked: 0, seq: 599 })
    },
  )

  test.skipIf(process.platform === 'win32')(
    'a folder that may suddenly only be read is read; writes fail typed, and go on when it may be written',
    () => {
      const run = spawnSync(process.execPath, [CHILD, compile(), folder(), 'readOnly', 'own', String(MIB)], {
        encoding: 'utf8',
      })
      expect(run.stderr).toBe('')
      const { last, ...told } = JSON.parse(run.stdout)
      expect(told).toEqual({ codes: ['OPTION_INVALID', 'TIER_FAILED'], isCut: true, seqs: [1, last, null, 7] })
    },
  )

  test('clear and drop on a busy folder, by two who share it: nothing fails (rails/rails#36941, #43936)', async () => {
    const path = folder()
    const [one, two] = [
      opened(file({ path, maxBytes: MIB, upkeepEvery: 10 })),
      opened(file({ path, maxBytes: MIB, upkeepEvery: 10 })),
    ]
    for (let round = 0; round < 30; round++) {
      const items = Array.from({ length: 40 }, (_, at) => item(`k${at}`, randomBytes(500)))
      await Promise.all([
        one.write(items),
        two.clear(round % 2 === 0 ? '' : 'k1'),
        two.write(items.slice(0, 10)),
        one.drop(items.slice(20).map(({ key }) => key)),
        two.read(items.map(({ key }) => key)),
      ])
    }
    await one.write([item('last')])
    expect((await two.read(['last']))[0]?.body.length).toBeGreaterThan(0)
  })

  test('a few keys that are written for ever take no more room than their bound, nor more time to be opened (zkat/cacache-rs#71)', async () => {
    const path = folder()
    const tier = opened(file({ path, maxBytes: MIB, upkeepEvery: 10 }))
    for (let step = 0; step < 5000; step++)
      await tier.write([item(`k${step % 5}`, new Uint8Array(1000), Number.POSITIVE_INFINITY, step)])
    expect((await tier.usage()).bytes).toBeLessThanOrEqual(MIB)
    const again = opened(file({ path, maxBytes: MIB }))
    expect((await again.read(['k0', 'k4'])).map((stored) => stored?.asOf.seq)).toEqual([4995, 4999])
  })

  test('a folder behind a link, which is then turned to another place, on another device: what lies there counts', async () => {
    const [here, link] = [folder(), folder()]
    mkdirSync(here)
    const there = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'millpond-'))
    await opened(file({ path: there })).write([item('there')])
    symlinkSync(here, link)
    try {
      const tier = opened(file({ path: link, upkeepEvery: 10 }))
      await tier.write([item('here')])
      unlinkSync(link)
      symlinkSync(there, link)
      await until('the other folder to be seen', async () => (await tier.read(['there']))[0] !== undefined)
      expect(await tier.read(['here'])).toEqual([undefined])
    } finally {
      rmSync(link, { force: true })
      rmSync(there, { recursive: true })
    }
  })
})

describeWith('memcached', 'memcached', () => {
  test('keys that are too long or odd among others, in one read: each has its own answer (3rd-Eden/memcached#31, #110)', async () => {
    const server = await startMemcached()
    try {
      const tier = opened(memcached({ servers: `127.0.0.1:${server.port}`, keyPrefix: 'reported:', ...PATIENCE }))
      const keys = [
        'short',
        'x'.repeat(241),
        'x'.repeat(250),
        'x'.repeat(251),
        `${'x'.repeat(251)}y`,
        'with space',
        'a\r\nget b',
        '\u0000',
        'é'.repeat(200),
      ]
      await tier.write(keys.map((key, seq) => item(key, `value ${seq}`, Number.POSITIVE_INFINITY, seq)))
      const asked = [...keys, 'nothing', ...[...keys].reverse()]
      const seqs = keys.map((_, seq) => seq)
      expect((await tier.read(asked)).map((stored) => stored?.asOf.seq)).toEqual([
        ...seqs,
        undefined,
        ...seqs.reverse(),
      ])
    } finally {
      await server.stop()
    }
  })

  test('a server that restarts between two calls ends no process, and no call hangs (memcachier/memjs#162, 3rd-Eden/memcached#195)', async () => {
    const server = await startMemcached()
    try {
      const tier = opened(memcached({ servers: `127.0.0.1:${server.port}`, ...PATIENCE }))
      for (let round = 0; round < 3; round++) {
        await until(
          'the tier to take it',
          () =>
            tier.write([item('k')]).then(
              () => true,
              () => false,
            ),
          10_000,
        )
        const calls = Promise.allSettled(Array.from({ length: 20 }, (_, at) => tier.read([`k${at}`])))
        await server.restart()
        for (const one of await calls)
          if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'TIER_FAILED' })
        await until('the tier to answer', () => answers(tier), 10_000)
      }
    } finally {
      await server.stop()
    }
  })
})

describeWith('postgres', 'postgres', () => {
  test('every connection is ended by the server, lent, idle and listening ones: no process ends, and the count of the entries is exact (brianc/node-postgres#3083, #1165)', async () => {
    const server = await startPostgres()
    try {
      const tier = opened(postgres({ url: server.url, maxEntries: 200, sweepEvery: 20, ...PATIENCE }))
      await tier.write([item('first')])
      for (let round = 0; round < 5; round++) {
        const batch = (at: number) => Array.from({ length: 20 }, (_, key) => item(`k${round} ${at} ${key}`))
        const writes = Promise.allSettled(Array.from({ length: 20 }, (_, at) => tier.write(batch(at))))
        await server.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()',
        )
        for (const one of await writes)
          if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'TIER_FAILED' })
        await until('the tier to answer', () => answers(tier), 10_000)
      }
      // What several transactions write in the same instant may pass the bound until the next sweep; the count is exact
      // in every snapshot.
      await until(
        'the sweep to have made room',
        async () => {
          const [row] = await server.query(
            'SELECT (SELECT count(*) FROM millpond.entry) AS entries, (SELECT sum(entries) FROM millpond.usage) AS counted',
          )
          expect(row?.counted).toBe(row?.entries)
          return Number(row?.entries) <= 200
        },
        10_000,
      )
      await server.query('DROP SCHEMA millpond CASCADE')
      await until('the schema to be there again', () => answers(tier), 10_000)
      await tier.write(Array.from({ length: 250 }, (_, at) => item(`again ${at}`)))
      expect((await tier.usage()).entries).toBeLessThanOrEqual(200)
    } finally {
      await closing.pop()?.close()
      await server.stop()
    }
  })
})

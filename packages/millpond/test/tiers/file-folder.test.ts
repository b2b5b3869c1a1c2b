// The folder of a file tier in a world where others have hands too.
import {
  appendFileSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { memory } from 'millpond'
import { type FileTier, type FileTierOptions, type FileWarning, file } from 'millpond/tiers/file'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterEach, describe, expect, test } from 'vitest'
import { until } from '../../src/testing/runner.ts'
import { item } from '../../src/testing/tier.ts'
import { Log } from '../../src/tiers/file/log.ts'
import { KIND, packDrop } from '../../src/tiers/file/record.ts'
import { closeAfterEach, open as openCache } from '../engine/setups.ts'
import { FAILED, text } from './faults.ts'
import { temporaryFolder } from './folder.ts'

const folder = temporaryFolder()
const tiers: FileTier[] = []
function open(path: string, options: Partial<FileTierOptions> = {}): FileTier {
  const tier = file({ path, ...options })
  tiers.push(tier)
  return tier
}
afterEach(() => Promise.all(tiers.splice(0).map((tier) => tier.close())))
closeAfterEach()
const MIB = 1_048_576

describe('what is not ours', () => {
  test('foreign files, folders and links stay as they are, also under our names, and the log goes around them', async () => {
    const path = folder()
    const outside = folder()
    mkdirSync(path)
    mkdirSync(join(path, '00000002.millpond'))
    writeFileSync(outside, 'precious')
    writeFileSync(join(path, 'notes.txt'), 'mine')
    writeFileSync(
      join(path, '00000001.millpond'),
      'a file of somebody else, longer than any beginning that we would write',
    )
    symlinkSync(outside, join(path, '00000004.millpond'))
    const tier = open(path, { maxBytes: MIB })
    for (let round = 0; round < 100; round++) await tier.write([item(`k${round}`, Buffer.alloc(20_000, 'x'))])
    expect(await text(tier, 'k99')).toHaveLength(20_000)
    await tier.clear('')
    expect(readFileSync(outside, 'utf8')).toBe('precious')
    expect(readFileSync(join(path, 'notes.txt'), 'utf8')).toBe('mine')
    expect(readFileSync(join(path, '00000001.millpond'), 'utf8')).toMatch(/^a file of somebody else/)
    expect(existsSync(join(path, '00000002.millpond'))).toBe(true)
  })

  test('a segment of another folder is not accepted', async () => {
    const theirs = folder()
    const tier = open(theirs)
    await tier.write([item('k', 'theirs')])
    const path = folder()
    mkdirSync(path)
    const mine = open(path)
    await mine.write([item('other')])
    linkSync(join(theirs, '00000001.millpond'), join(path, '00000009.millpond'))
    expect(await text(open(path), 'k')).toBeUndefined()
    expect(await text(open(path), 'other')).toBe('body of other')
  })

  test('a marker that is lost is made again; one that is damaged or newer is refused, with what to do', async () => {
    const path = folder()
    const first = open(path)
    await first.write([item('k')])
    await first.close()
    rmSync(join(path, 'folder.millpond'))
    expect(await text(open(path), 'k')).toBe('body of k')
    writeFileSync(join(path, 'folder.millpond'), 'MPFILE2\nwhatever')
    await expect(open(path).read(['k'])).rejects.toMatchObject({ code: 'SCHEMA_NEWER' })
    writeFileSync(join(path, 'folder.millpond'), 'nonsense')
    await expect(open(path).read(['k'])).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining('folder.millpond'),
    })
  })

  test('a folder that cannot be one is refused at once', () => {
    const path = folder()
    writeFileSync(path, 'a file')
    expect(() => file({ path: join(path, 'below') })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    expect(() => file({ path })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    expect(() => file({ path: '' })).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining('path') }),
    )
    expect(() => file({ path: folder(), maxBytes: 1000 })).toThrow(
      expect.objectContaining({ message: expect.stringContaining('maxBytes') }),
    )
  })
})

describe('a folder that changes under it', () => {
  test('removed: said, and made anew; nothing of before is there', async () => {
    const path = folder()
    const warnings: FileWarning[] = []
    const tier = open(path, { upkeepEvery: 10, onWarning: (warning) => void warnings.push(warning) })
    await tier.write([item('k')])
    rmSync(path, { recursive: true })
    await until('the change to be seen', () => warnings.length > 0)
    expect(warnings).toMatchObject([{ kind: 'replaced' }])
    expect(await text(tier, 'k')).toBeUndefined()
    await tier.write([item('k', 'new')])
    expect(await text(open(path), 'k')).toBe('new')
  })

  test('exchanged for another: what is there now counts', async () => {
    const path = folder()
    const other = folder()
    const theirs = open(other)
    await theirs.write([item('k', 'theirs')])
    await theirs.close()
    const warnings: FileWarning[] = []
    const tier = open(path, { upkeepEvery: 10, onWarning: (warning) => void warnings.push(warning) })
    await tier.write([item('k', 'mine')])
    renameSync(path, `${path}-away`)
    renameSync(other, path)
    await until('the change to be seen', () => warnings.length > 0)
    expect(await text(tier, 'k')).toBe('theirs')
  })

  test('a segment removed by hand: its entries are gone, the others are not', async () => {
    const path = folder()
    const tier = open(path, { maxBytes: MIB, upkeepEvery: 10 })
    await tier.write([item('first', Buffer.alloc(30_000))])
    await tier.write([item('second', Buffer.alloc(30_000))])
    rmSync(join(path, '00000001.millpond'))
    await until('its loss to be seen', async () => (await tier.read(['first']))[0] === undefined)
    expect((await tier.read(['second']))[0]?.body.length).toBe(30_000)
  })
})

describe('bounds', () => {
  const onDisk = (path: string): number =>
    readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).blocks * 512, 0)

  test('never above maxBytes by 5 %, however it is written', async () => {
    const path = folder()
    const two = [open(path, { maxBytes: 4 * MIB }), open(path, { maxBytes: 4 * MIB })] as const
    let worst = 0
    for (let round = 0; round < 400; round++) {
      const length = [10, 500, 5000, 60_000, 120_000][round % 5] ?? 0
      await two[round & 1]?.write(
        Array.from({ length: 1 + (round % 7) }, (_, n) => item(`${round}/${n}`, Buffer.alloc(length, 'x'))),
      )
      worst = Math.max(worst, onDisk(path))
    }
    expect(worst).toBeLessThan(4 * MIB * 1.05)
    expect(worst).toBeGreaterThan(2 * MIB)
  })

  test('never above it either where writers come too late: what they write behind a seal counts, and is given back', async () => {
    const path = folder()
    const tier = open(path, { maxBytes: MIB })
    const late = new Set<string>()
    let worst = 0
    for (let round = 0; round < 300; round++) {
      await tier.write([item(`k${round % 40}`, Buffer.alloc(6000, 'x'))])
      const segments = readdirSync(path)
        .filter((name) => /^\d+\.millpond$/.test(name))
        .sort()
      for (const name of segments.slice(0, -1).filter((one) => !late.has(one))) {
        late.add(name)
        appendFileSync(join(path, name), Buffer.alloc(15_000, 'late'))
      }
      worst = Math.max(worst, onDisk(path))
    }
    expect(late.size).toBeGreaterThan(100)
    expect(worst).toBeLessThan(MIB * 1.05)
    expect(await text(tier, 'k19')).toHaveLength(6000)
  })

  test('what was left by processes that were killed, or had another bound, is within it before anything is answered', async () => {
    const path = folder()
    const larger = open(path, { maxBytes: 4 * MIB })
    for (let round = 0; round < 150; round++) await larger.write([item(`k${round}`, Buffer.alloc(20_000, 'x'))])
    for (let left = 0; left < 20; left++)
      writeFileSync(join(path, `.${String(left).padStart(12, '0')}.making`), 'MPFILE1')
    await larger.close()
    expect(onDisk(path)).toBeGreaterThan(2 * MIB)
    const tier = open(path, { maxBytes: MIB, upkeepEvery: 60_000 })
    expect(await text(tier, 'k149')).toHaveLength(20_000)
    expect(onDisk(path)).toBeLessThan(MIB * 1.05)
  })

  test('compaction: while less than half is alive nothing alive is lost, however often others are overwritten', async () => {
    const path = folder()
    const tier = open(path, { maxBytes: 4 * MIB })
    const lasting = Array.from({ length: 100 }, (_, n) => `lasting/${n}`)
    await tier.write(lasting.map((key) => item(key, Buffer.alloc(10_000, 'l'))))
    for (let round = 0; round < 2000; round++) await tier.write([item(`busy/${round % 5}`, Buffer.alloc(8000, 'b'))])
    expect((await tier.read(lasting)).filter((stored) => stored === undefined)).toEqual([])
    expect((await tier.usage()).entries).toBe(105)
    await tier.close()
    const again = open(path, { maxBytes: 4 * MIB })
    expect((await again.read(lasting)).filter((stored) => stored === undefined)).toEqual([])
  })

  test('a second chance: of a stream of new entries those that are read stay', async () => {
    const tier = open(folder(), { maxBytes: 4 * MIB })
    await tier.write([item('read', 'r'.repeat(1000)), item('unread', 'u'.repeat(1000))])
    for (let round = 0; round < 3000; round++) {
      await tier.write([item(`passing/${round}`, Buffer.alloc(4000))])
      if (round % 10 === 0) expect(await text(tier, 'read')).toHaveLength(1000)
    }
    expect(await text(tier, 'unread')).toBeUndefined()
  })

  test('too large an item is refused, and takes what was there along', async () => {
    const tier = open(folder(), { maxBytes: MIB })
    await tier.write([item('k', 'small')])
    expect(await tier.write([item('other'), item('k', Buffer.alloc(MIB))])).toEqual([undefined, 'too_large'])
    expect(await tier.read(['k'])).toEqual([undefined])
    expect(await text(tier, 'other')).toBe('body of other')
  })

  test('a lock that a dead process left is taken over', async () => {
    const path = folder()
    const tier = open(path, { maxBytes: MIB, upkeepEvery: 10 })
    await tier.write([item('k')])
    const lock = join(path, 'upkeep.lock')
    writeFileSync(lock, '')
    utimesSync(lock, new Date(0), new Date(0))
    for (let round = 0; round < 60; round++) await tier.write([item(`k${round % 3}`, Buffer.alloc(20_000))])
    await until('the lock to go', () => !existsSync(lock))
  })

  test('large bodies: eight mebibytes, and the loop is not held', async () => {
    const tier = open(folder())
    const body = Buffer.alloc(8 * MIB, 'x')
    expect(await tier.write([item('large', body)])).toEqual([undefined])
    expect(Buffer.from((await tier.read(['large']))[0]?.body ?? []).equals(body)).toBe(true)
  })
})

describe('closing', () => {
  test('what is asked of a log that was closed meanwhile fails, and touches no file that has its descriptor now', () => {
    const path = folder()
    mkdirSync(path)
    const log = new Log({ path, maxBytes: MIB, segmentBytes: MIB / 64 })
    log.catchUp()
    log.close()
    const others = Array.from({ length: 8 }, () => folder()).map((name) => ({ name, fd: openSync(name, 'w+') }))
    try {
      const entry = { kind: KIND.drop, key: 'k', bytes: packDrop('k', log.seed) }
      expect(() => log.append([entry])).toThrow('closed')
      expect(() => log.isCurrent).toThrow('closed')
      expect(() => log.catchUp()).toThrow('closed')
      expect(() => log.refresh()).toThrow('closed')
      for (const { name } of others) expect(statSync(name).size).toBe(0)
    } finally {
      for (const { fd } of others) closeSync(fd)
    }
  })

  test('while it is opened and written to: everything settles, typed where it came too late', async () => {
    const path = folder()
    for (let round = 0; round < 20; round++) {
      const tier = file({ path })
      const calls = [tier.read(['k']), tier.write([item(`k${round}`)]), tier.drop(['k']), tier.clear('a'), tier.usage()]
      const closing = round % 2 === 0 ? tier.close() : Promise.resolve().then(() => tier.close())
      for (const call of await Promise.allSettled(calls))
        if (call.status === 'rejected')
          expect(call.reason).toMatchObject({ code: expect.stringMatching(/^(CLOSED|TIER_FAILED)$/) })
      await closing
    }
  })
})

describe('in a cache', () => {
  test('two caches on one folder, with a SQLite ledger: each has its own, and clear takes nothing of the other', async () => {
    const path = folder()
    const cacheOf = (name: string) =>
      openCache({
        name,
        tiers: [memory(), file({ path }), sqlite({ path: `${path}-${name}.db` })],
        defaults: { ttl: '1m' },
      })
    const one = cacheOf('one')
    const two = cacheOf('two')
    await one.set('k', 'of one')
    await two.set('k', 'of two')
    await Promise.all([one.flush(), two.flush()])
    await one.clear()
    expect(await one.get('k')).toBeUndefined()
    expect(await cacheOf('two').getEntry('k')).toMatchObject({ value: 'of two', tier: 'file' })
  })

  test('alone it is refused, with what to add', () => {
    expect(() => openCache({ tiers: [memory(), file({ path: folder() })] })).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining('sqlite') }),
    )
  })

  test('a folder that cannot be read is skipped, and the loader serves', async () => {
    const path = folder()
    const cache = openCache({
      tiers: [memory(), file({ path }), sqlite({ path: `${path}.db` })],
      defaults: { ttl: '1m' },
    })
    writeFileSync(join(path, 'folder.millpond'), 'nonsense')
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded')
  })

  test('after close every call says so', async () => {
    const tier = open(folder())
    await tier.close()
    await expect(tier.read(['k'])).rejects.toMatchObject({ code: 'CLOSED' })
    expect(FAILED.code).toBe('TIER_FAILED')
  })
})

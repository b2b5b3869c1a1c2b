// Snapshots: what was written is read again, and a damaged file is never an entry and never an exception.
import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { jsonCodec } from '../../src/codec/index.ts'
import { createMemoryStore, hottestKeys, readSnapshot, type SnapshotEntry, writeSnapshot } from '../../src/memory/index.ts'
import { fakeClock } from '../../src/testing/clock.ts'

const codec = jsonCodec()
let folder: string
let file: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millpond-snapshot-'))
  file = join(folder, 'cache.snapshot')
})
afterEach(() => rm(folder, { recursive: true }))

function entries(count: number): SnapshotEntry[] {
  return Array.from({ length: count }, (_, i) => ({
    space: i % 2 === 0 ? '' : 'users',
    key: `key ${i} \u00fc`,
    value: { i, when: new Date(i), list: [i, null, 'x'.repeat(i % 50)] },
    createdAt: 1_000 + i,
    freshUntil: 2_000 + i,
    staleUntil: i % 3 === 0 ? Infinity : 3_000 + i,
    tags: i % 4 === 0 ? ['a', `t${i}`] : [],
    asOf: { epoch: 'e1', seq: i },
  }))
}

describe('a snapshot', () => {
  test('drafts of writers that died go with the next one, those that may be alive and all other files stay', async () => {
    const draft = (of: string): string => join(folder, `${of}.${randomUUID()}.tmp`)
    const dead = draft('cache.snapshot')
    const others = [draft('cache.snapshot'), draft('other.snapshot'), join(folder, 'cache.snapshot.notes.tmp')]
    for (const path of [dead, ...others]) await writeFile(path, '')
    const long = (Date.now() - 2 * 3_600_000) / 1000
    for (const path of [dead, ...others.slice(1)]) await utimes(path, long, long)
    await writeSnapshot(file, entries(1), { savedAt: 7 }, codec)
    expect((await readdir(folder)).map((name) => join(folder, name)).sort()).toEqual([file, ...others].sort())
  })

  test('T3: gives back what was written, in order, with times, tags and positions', async () => {
    const written = entries(5_000)
    const result = await writeSnapshot(file, written, { savedAt: 7, note: { node: 'a' } }, codec)
    expect(result.entries).toBe(5_000)
    const read = await readSnapshot(file, codec)
    expect(read).toEqual({ kind: 'read', meta: { savedAt: 7, note: { node: 'a' } }, entries: written, skipped: 0 })
    expect(await readdir(folder)).toEqual(['cache.snapshot'])
    expect((await readFile(file)).length).toBe(result.bytes)
  })

  test('that does not exist is none', async () => {
    expect(await readSnapshot(file, codec)).toEqual({ kind: 'none' })
  })

  test('a failing source leaves the old file whole and nothing beside it', async () => {
    await writeSnapshot(file, entries(3), { savedAt: 1 }, codec)
    const before = await readFile(file)
    const failing = (function* () {
      yield* entries(2)
      throw new Error('stop')
    })()
    await expect(writeSnapshot(file, failing, { savedAt: 2 }, codec)).rejects.toThrow('stop')
    expect(await readFile(file)).toEqual(before)
    expect(await readdir(folder)).toEqual(['cache.snapshot'])
  })

  test('G22: cut at any byte, it is set aside as a whole', async () => {
    await writeSnapshot(file, entries(3), { savedAt: 1 }, codec)
    const whole = await readFile(file)
    for (let cut = 0; cut < whole.length; cut++) {
      await writeFile(file, whole.subarray(0, cut))
      const read = await readSnapshot(file, codec)
      expect(read.kind, `cut at ${cut}`).toBe('set-aside')
    }
  })

  test('G22: with any byte changed, it is set aside, and the next start begins cold', async () => {
    await writeSnapshot(file, entries(3), { savedAt: 1 }, codec)
    const whole = await readFile(file)
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole)
      damaged[at] = (damaged[at] as number) ^ 0x20
      await writeFile(file, damaged)
      const read = await readSnapshot(file, codec)
      expect(read.kind, `byte ${at}`).toBe('set-aside')
    }
    expect(await readSnapshot(file, codec)).toEqual({ kind: 'none' })
    expect(await readdir(folder)).toEqual(['cache.snapshot.damaged'])
  })

  test('G22: a folder in its place is a warning, not an exception', async () => {
    expect((await readSnapshot(folder, codec)).kind).toBe('set-aside')
  })

  test('entries that the codec cannot read are skipped and counted', async () => {
    await writeSnapshot(file, entries(4), { savedAt: 1 }, codec)
    const picky = {
      encode: codec.encode.bind(codec),
      decode: (bytes: Uint8Array) => (codec.decode(bytes)?.key.startsWith('key 2') ? undefined : codec.decode(bytes)),
    }
    const read = await readSnapshot(file, picky)
    expect(read).toMatchObject({ kind: 'read', skipped: 1 })
  })

  test('takes the hottest keys first', async () => {
    const near = createMemoryStore({ policy: 'lru' }, { clock: fakeClock() }).space('')
    for (let i = 0; i < 20; i++)
      near.set(`k${i}`, { value: i, createdAt: 0, freshUntil: Infinity, staleUntil: Infinity, tags: [], asOf: 0 })
    for (const [key, reads] of [
      ['k7', 9],
      ['k3', 5],
      ['k11', 2],
    ] as const)
      for (let i = 0; i < reads; i++) near.hit(near.find(key))
    expect(await hottestKeys(near, 3)).toEqual(['k7', 'k3', 'k11'])
    expect(await hottestKeys(near, 100)).toHaveLength(20)
  })
})

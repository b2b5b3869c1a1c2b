// Snapshots: what was written is read again, and a damaged file is never an entry and never an exception.
import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { jsonCodec } from '../../src/codec/index.ts'
import type { Codec } from '../../src/core/contracts.ts'
import {
  createMemoryStore,
  hottestKeys,
  openSnapshot,
  type SnapshotEntry,
  writeSnapshot,
} from '../../src/memory/index.ts'
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
    hits: i % 256,
    weight: 80 + i,
  }))
}

const meta = { savedAt: 7, cache: 'c' }

/** All that the file says, or why it says nothing. */
async function readSnapshot(path: string, readWith: Codec = codec) {
  const snapshot = await openSnapshot(path, readWith)
  if (snapshot.kind !== 'open') return snapshot
  const read: (SnapshotEntry | undefined)[] = []
  for await (const { decode, ...head } of snapshot.items()) {
    const { isNarrow: _, isCompressed: _c, isEncrypted: _e, ...parts } = (await decode()) ?? {}
    read.push('key' in parts ? { ...parts, ...head } : undefined)
  }
  await snapshot.close()
  return { kind: snapshot.kind, meta: snapshot.meta, count: snapshot.count, entries: read }
}

describe('a snapshot', () => {
  test('drafts of writers that died go with the next one, those that may be alive and all other files stay', async () => {
    const draft = (of: string): string => join(folder, `${of}.${randomUUID()}.tmp`)
    const dead = draft('cache.snapshot')
    const others = [draft('cache.snapshot'), draft('other.snapshot'), join(folder, 'cache.snapshot.notes.tmp')]
    for (const path of [dead, ...others]) await writeFile(path, '')
    const long = (Date.now() - 2 * 3_600_000) / 1000
    for (const path of [dead, ...others.slice(1)]) await utimes(path, long, long)
    await writeSnapshot(file, entries(1), meta, codec)
    expect((await readdir(folder)).map((name) => join(folder, name)).sort()).toEqual([file, ...others].sort())
  })

  test('T3: gives back what was written, in order, with times, tags and positions', async () => {
    const written = entries(5_000)
    const result = await writeSnapshot(file, written, { ...meta, note: { node: 'a' } }, codec)
    expect(result.entries).toBe(5_000)
    expect(await readSnapshot(file)).toEqual({
      kind: 'open',
      meta: { ...meta, note: { node: 'a' } },
      count: 5_000,
      entries: written,
    })
    expect(await readdir(folder)).toEqual(['cache.snapshot'])
    expect((await readFile(file)).length).toBe(result.bytes)
  })

  test('that does not exist is none', async () => {
    expect(await readSnapshot(file)).toEqual({ kind: 'none' })
  })

  test('a failing source leaves the old file whole and nothing beside it', async () => {
    await writeSnapshot(file, entries(3), meta, codec)
    const before = await readFile(file)
    const failing = (function* () {
      yield* entries(2)
      throw new Error('stop')
    })()
    await expect(writeSnapshot(file, failing, meta, codec)).rejects.toThrow('stop')
    expect(await readFile(file)).toEqual(before)
    expect(await readdir(folder)).toEqual(['cache.snapshot'])
  })

  test('G22: cut at any byte, it is set aside as a whole', async () => {
    await writeSnapshot(file, entries(3), meta, codec)
    const whole = await readFile(file)
    for (let cut = 0; cut < whole.length; cut++) {
      await writeFile(file, whole.subarray(0, cut))
      const read = await readSnapshot(file)
      expect(read.kind, `cut at ${cut}`).toBe('set-aside')
    }
  })

  test('G22: with any byte changed, it is set aside, and the next start begins cold', async () => {
    await writeSnapshot(file, entries(3), meta, codec)
    const whole = await readFile(file)
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole)
      damaged[at] = (damaged[at] as number) ^ 0x20
      await writeFile(file, damaged)
      const read = await readSnapshot(file)
      expect(read.kind, `byte ${at}`).toBe('set-aside')
    }
    expect(await readSnapshot(file)).toEqual({ kind: 'none' })
    expect(await readdir(folder)).toEqual(['cache.snapshot.damaged'])
  })

  test('G22: a folder in its place is a warning, not an exception', async () => {
    expect(await openSnapshot(folder, codec)).toEqual({
      kind: 'set-aside',
      problem: expect.stringContaining('cannot be read'),
    })
  })

  test('that says nothing of its cache, or of an entry, is damaged', async () => {
    for (const [wrong, written] of [
      [{ savedAt: 7 }, entries(1)],
      [{ cache: 'c' }, entries(1)],
      [meta, [{ ...(entries(1)[0] as SnapshotEntry), hits: 256 }]],
      [meta, [{ ...(entries(1)[0] as SnapshotEntry), weight: -1 }]],
    ] as const) {
      await writeSnapshot(file, written, wrong as typeof meta, codec)
      expect(await openSnapshot(file, codec)).toMatchObject({ kind: 'set-aside', movedTo: `${file}.damaged` })
    }
  })

  test('is read as much as somebody asks for', async () => {
    await writeSnapshot(file, entries(100), meta, codec)
    let decoded = 0
    const counting: Codec = {
      encode: codec.encode.bind(codec),
      decode: (bytes) => {
        decoded++
        return codec.decode(bytes)
      },
    }
    const snapshot = await openSnapshot(file, counting)
    if (snapshot.kind !== 'open') throw new Error(snapshot.kind)
    expect([snapshot.count, decoded]).toEqual([100, 0])
    const seen: number[] = []
    for await (const item of snapshot.items()) {
      seen.push(item.asOf.seq)
      if (item.asOf.seq === 2) item.decode()
      if (seen.length === 5) break
    }
    expect([seen, decoded]).toEqual([[0, 1, 2, 3, 4], 1])
    await snapshot.close()
  })

  test('entries that the codec cannot read are known to be there', async () => {
    await writeSnapshot(file, entries(4), meta, codec)
    const picky = {
      encode: codec.encode.bind(codec),
      decode: (bytes: Uint8Array) => (codec.decode(bytes)?.key.startsWith('key 2') ? undefined : codec.decode(bytes)),
    }
    const read = await readSnapshot(file, picky)
    const keys = 'entries' in read ? read.entries.map((entry) => entry?.key) : []
    expect(keys).toEqual([expect.any(String), expect.any(String), undefined, expect.any(String)])
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
    expect(await hottestKeys(near, 3)).toEqual([
      { key: 'k7', hits: 9 },
      { key: 'k3', hits: 5 },
      { key: 'k11', hits: 2 },
    ])
    expect(await hottestKeys(near, 100)).toHaveLength(20)
  })
})

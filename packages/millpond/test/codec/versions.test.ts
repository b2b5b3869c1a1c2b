// A text that is replaced by compare-and-set without a lock: what becomes of processes that sleep or die in the middle.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { newest, putAfter } from '../../src/codec/versions.ts'

/** What another process does between two steps of this one. */
const meanwhile = vi.hoisted(() => ({ linked: undefined as (() => Promise<void>) | undefined }))
vi.mock('node:fs/promises', async (importActual) => {
  const actual = await importActual<typeof import('node:fs/promises')>()
  return {
    ...actual,
    async link(from: string, to: string) {
      await actual.link(from, to)
      const { linked } = meanwhile
      meanwhile.linked = undefined
      await linked?.()
    },
  }
})

const folder = mkdtempSync(join(tmpdir(), 'millpond-versions-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let count = 0
const fresh = (): string => {
  const path = join(folder, String(count++))
  mkdirSync(path)
  return path
}

describe('versions of a text', () => {
  test('a process that sleeps after it has read changes nothing, though the number that it takes is free again', async () => {
    const path = fresh()
    await putAfter(path, undefined, 'a')
    const read = await newest(path)
    await putAfter(path, read, 'b')
    await putAfter(path, await newest(path), 'c')
    expect(readdirSync(path)).toEqual(['3'])
    expect(await putAfter(path, read, 'late')).toBe(false)
    expect(await putAfter(path, undefined, 'later')).toBe(false)
    expect([readdirSync(path), (await newest(path))?.text]).toEqual([['3'], 'c'])
  })

  test('what others have put at once on top of one’s own has not made it fail', async () => {
    const path = fresh()
    let follows = false
    meanwhile.linked = async () => {
      follows = await putAfter(path, await newest(path), 'b')
    }
    expect([await putAfter(path, undefined, 'a'), follows]).toEqual([true, true])
    expect((await newest(path))?.text).toBe('b')
  })

  test('a put clears up the drafts of those who have lost, also of the dead', async () => {
    const path = fresh()
    for (const name of ['1-dead', '2-dead']) writeFileSync(join(path, name), 'a key')
    await putAfter(path, undefined, 'a')
    expect(readdirSync(path).sort()).toEqual(['1', '2-dead'])
    await putAfter(path, await newest(path), 'b')
    expect(readdirSync(path)).toEqual(['2'])
  })

  test('a read clears up what a process has left that died before it had removed the former version', async () => {
    const path = fresh()
    await putAfter(path, undefined, 'a')
    const former = readFileSync(join(path, '1'))
    await putAfter(path, await newest(path), 'b')
    writeFileSync(join(path, '1'), former)
    writeFileSync(join(path, '1-draft'), former)
    expect((await newest(path))?.text).toBe('b')
    expect(readdirSync(path)).toEqual(['2'])
  })

  test('there is none in a folder that is empty, or not there', async () => {
    expect([await newest(fresh()), await newest(join(folder, 'none'))]).toEqual([undefined, undefined])
  })
})

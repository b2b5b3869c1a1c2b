import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type JournalFiles, nodeFiles } from '../../../src/source/journal/files.ts'
import { Journal } from '../../../src/source/journal/journal.ts'
import { isAlive, thisOwner } from '../../../src/source/journal/owner.ts'
import { PowerDisk } from './power.ts'

const folder = mkdtempSync(join(tmpdir(), 'millpond-journal-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let next = 0
const place = (): string => join(folder, `j${next++}`)
const entry = (key: string, text: string): { key: string; body: Uint8Array } => ({ key, body: Buffer.from(text) })
const textOf = async (journal: Journal): Promise<[string, string][]> =>
  (await journal.recover()).records.map(({ key, body }) => [key, Buffer.from(body).toString()])

describe('a journal', () => {
  it('hands what was not settled to the next that opens it, the latest of each key, in order', async () => {
    const path = place()
    const first = new Journal({ path })
    await first.append([entry('a', '1'), entry('b', '1')])
    const [, number = 0] = await first.append([entry('a', '2'), entry('c', '1')])
    first.settle('c', number)
    await first.close()
    const second = new Journal({ path })
    expect(await textOf(second)).toEqual([
      ['b', '1'],
      ['a', '2'],
    ])
    await second.close()
  })

  it('numbers on over restarts, also when the clock was set back', async () => {
    const path = place()
    const first = new Journal({ path, now: () => 2_000_000 })
    const [before = 0] = await first.append([entry('a', '1')])
    await first.close()
    const second = new Journal({ path, now: () => 1_000_000 })
    await second.recover()
    const [after = 0] = await second.append([entry('a', '2')])
    expect(after).toBeGreaterThan(before)
    await second.close()
    const third = new Journal({ path })
    expect(await textOf(third)).toEqual([['a', '2']])
    await third.close()
  })

  it('keeps the bytes as they were when append was called', async () => {
    const path = place()
    const journal = new Journal({ path })
    const body = Buffer.from('before')
    const kept = journal.append([{ key: 'a', body }])
    body.write('after!')
    await kept
    await journal.close()
    const second = new Journal({ path })
    expect(await textOf(second)).toEqual([['a', 'before']])
    await second.close()
  })

  it('leaves the living alone, and gives the dead to one heir', async () => {
    const path = place()
    const living = new Journal({ path })
    await living.append([entry('mine', '1')])
    const dead = new Journal({ path })
    await dead.append([entry('left', '1')])
    await dead.close()
    const heirs = [new Journal({ path }), new Journal({ path })]
    expect((await Promise.all(heirs.map(textOf))).flat()).toEqual([['left', '1']])
    await Promise.all([living, ...heirs].map((journal) => journal.close()))
  })

  it('stays small while few keys are written often, and lets its files go when all is settled', async () => {
    const path = place()
    const segmentBytes = 16_384
    const journal = new Journal({ path, segmentBytes })
    await journal.append([entry('kept', 'from the beginning')])
    for (let round = 0; round < 400; round++) {
      const keys = Array.from({ length: 20 }, (_, at) => entry(`key:${at}`, 'x'.repeat(200)))
      const numbers = await journal.append(keys)
      if (round % 2 === 0) numbers.forEach((number, at) => journal.settle(`key:${at}`, number))
    }
    expect(journal.size.keys).toBeLessThanOrEqual(21)
    expect(journal.size.bytes).toBeLessThan(6 * segmentBytes)
    await journal.close()
    const second = new Journal({ path })
    const { records } = await second.recover()
    expect(records[0]?.key).toBe('kept')
    for (const { key, number } of records) second.settle(key, number)
    await second.close()
    expect(readdirSync(path)).toEqual(['journal.json'])
  })

  it('refuses what does not fit on a full disk, keeps what was there, and goes on when there is room', async () => {
    const path = place()
    let room = 3000
    const full: JournalFiles = {
      ...nodeFiles,
      append(file) {
        const open = nodeFiles.append(file)
        return {
          ...open,
          write(bytes) {
            open.write(bytes.subarray(0, room))
            if (bytes.byteLength > room)
              throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
            room -= bytes.byteLength
          },
        }
      },
    }
    const journal = new Journal({ path, files: full })
    await journal.append([entry('a', 'small')])
    await expect(journal.append([entry('a', 'x'.repeat(4000))])).rejects.toMatchObject({ code: 'JOURNAL_FAILED' })
    room = 100_000
    await journal.append([entry('b', 'later')])
    await journal.close()
    const second = new Journal({ path })
    expect(await textOf(second)).toEqual([
      ['a', 'small'],
      ['b', 'later'],
    ])
    await second.close()
  })

  it.each([false, true])(
    'that has filled its disk goes on when all is settled, and leaves no empty files of what was refused (sync: %s)',
    async (sync) => {
      const path = place()
      const sizes = new Map<string, number>()
      const free = (): number => 20_000 - [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0)
      const small: JournalFiles = {
        ...nodeFiles,
        append(file) {
          const open = nodeFiles.append(file)
          sizes.set(file, 0)
          const grow = (bytes: number): void => void sizes.set(file, (sizes.get(file) ?? 0) + bytes)
          return {
            ...open,
            write(bytes) {
              const fits = Math.min(bytes.byteLength, free())
              open.write(bytes.subarray(0, fits))
              grow(fits)
              if (fits < bytes.byteLength)
                throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
            },
            truncate(length) {
              open.truncate(length)
              sizes.set(file, length)
            },
          }
        },
        remove(file) {
          nodeFiles.remove(file)
          sizes.delete(file)
        },
      }
      const journal = new Journal({ path, sync, files: small, segmentBytes: 5000 })
      const kept: { key: string; number: number }[] = []
      const fill = async (from: string): Promise<void> => {
        for (let at = 0; ; at++) {
          const key = `${from}${at}`
          const numbers = await journal.append([entry(key, 'x'.repeat(500))]).catch(() => undefined)
          if (numbers === undefined) return
          kept.push({ key, number: numbers[0] ?? 0 })
        }
      }
      await fill('a')
      expect(kept.length).toBeGreaterThan(30)
      for (let tries = 0; tries < 20; tries++)
        await expect(journal.append([entry('b', 'x'.repeat(500))])).rejects.toThrow('ENOSPC')
      expect(sizes.size).toBeLessThan(6)
      const last = kept.pop()
      for (const { key, number } of kept.splice(0)) journal.settle(key, number)
      await journal.append([entry('c', 'there is room')])
      await fill('d')
      expect(kept.length).toBeGreaterThan(20)
      await journal.close()
      const second = new Journal({ path })
      const expected = [last?.key, 'c', ...kept.map(({ key }) => key)]
      expect((await textOf(second)).map(([key]) => key)).toEqual(expected)
      await second.close()
    },
  )

  it('refuses what a disk that became read-only does not take, and goes on when it takes it again', async () => {
    const path = place()
    let isReadOnly = false
    const refuse = (): void => {
      if (isReadOnly) throw Object.assign(new Error('EROFS: read-only file system'), { code: 'EROFS' })
    }
    const files: JournalFiles = {
      ...nodeFiles,
      append(file) {
        refuse()
        const open = nodeFiles.append(file)
        return {
          ...open,
          write(bytes) {
            refuse()
            open.write(bytes)
          },
          truncate(length) {
            refuse()
            open.truncate(length)
          },
        }
      },
      touch(file) {
        refuse()
        return nodeFiles.touch(file)
      },
    }
    const journal = new Journal({ path, files })
    await journal.append([entry('a', 'before')])
    isReadOnly = true
    for (const text of ['1', '2'])
      await expect(journal.append([entry('b', text)])).rejects.toMatchObject({
        code: 'JOURNAL_FAILED',
        message: expect.stringContaining('EROFS'),
      })
    isReadOnly = false
    await journal.append([entry('c', 'after')])
    await journal.close()
    const second = new Journal({ path })
    expect(await textOf(second)).toEqual([
      ['a', 'before'],
      ['c', 'after'],
    ])
    await second.close()
  })

  it('of a process that was frozen, given up and woke acknowledges nothing more', async () => {
    const path = place()
    let now = 1_000_000
    const frozen = new Journal({ path, now: () => now })
    await frozen.append([entry('a', 'before')])
    const [own = ''] = readdirSync(path).filter((name) => name !== 'journal.json')
    // As an heir takes it.
    renameSync(join(path, own), join(path, 'heir.from.frozen'))
    now += 31_000
    await expect(frozen.append([entry('a', 'late')])).rejects.toMatchObject({
      code: 'JOURNAL_FAILED',
      message: expect.stringMatching(/taken over/),
    })
    await expect(frozen.append([entry('b', 'late')])).rejects.toMatchObject({ code: 'JOURNAL_FAILED' })
    await frozen.close()
  })

  it('refuses a folder that is not its own, and a later format', () => {
    const foreign = place()
    mkdirSync(foreign)
    writeFileSync(join(foreign, 'photo.jpg'), 'x')
    expect(() => new Journal({ path: foreign })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    const newer = place()
    mkdirSync(newer)
    writeFileSync(join(newer, 'journal.json'), '{"format":9}')
    expect(() => new Journal({ path: newer })).toThrow(expect.objectContaining({ code: 'SCHEMA_NEWER' }))
    const file = place()
    writeFileSync(file, 'x')
    expect(() => new Journal({ path: file })).toThrow(expect.objectContaining({ code: 'JOURNAL_FAILED' }))
  })

  it('is closed once, and then refuses', async () => {
    const journal = new Journal({ path: place() })
    const last = journal.append([entry('a', '1')])
    await Promise.all([journal.close(), journal.close()])
    await last
    await expect(journal.append([entry('b', '1')])).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

describe('the owner of a part of a journal', () => {
  const here = thisOwner()

  it('is alive while its process runs, and dead when that number belongs to another one', () => {
    expect(isAlive(here, Number.POSITIVE_INFINITY)).toBe(true)
    expect(isAlive({ ...here, pid: 2 ** 22 + 1 }, 0)).toBe(false)
    if (here.started !== '') expect(isAlive({ ...here, started: '1' }, 0)).toBe(false)
  })

  it('is judged by its heartbeat where its processes cannot be seen, and by the boot on this host', () => {
    expect(isAlive({ ...here, host: 'another', pid: 1 }, 59_000)).toBe(true)
    expect(isAlive({ ...here, host: 'another', pid: 1 }, 61_000)).toBe(false)
    expect(isAlive({ ...here, world: 'pid:[1]' }, 59_000)).toBe(true)
    expect(isAlive({ ...here, boot: 'earlier' }, 0)).toBe(false)
  })
})

describe('a journal that syncs', () => {
  /** Writes until the power goes; returns what was acknowledged last for each key. */
  async function run(disk: PowerDisk, from: number): Promise<Map<string, number>> {
    const acked = new Map<string, number>()
    try {
      const journal = new Journal({ path: '/j', sync: true, files: disk, segmentBytes: 200, now: () => 1000 + from })
      for (const { key, body } of (await journal.recover()).records) acked.set(key, Number(Buffer.from(body)))
      for (let round = 0; round < 6; round++) {
        const key = `key:${round % 3}`
        const [number = 0] = await journal.append([entry(key, String(from + round))])
        acked.set(key, from + round)
        if (round === 3) {
          journal.settle(key, number)
          await journal.append([entry('key:9', String(from + round))])
          acked.set('key:9', from + round)
          acked.delete(key)
        }
      }
      await journal.close()
    } catch (error) {
      expect(String(error)).toMatch(/power|journal/)
    }
    return acked
  }

  it('loses nothing that was acknowledged, wherever the power goes', async () => {
    const whole = new PowerDisk()
    await run(whole, 0)
    for (let cut = 1; cut <= whole.steps; cut++) {
      for (let seed = 1; seed <= 8; seed++) {
        const draw = drawFrom(seed * 1000 + cut)
        const disk = new PowerDisk()
        disk.cutAfter = cut
        const acked = await run(disk, 0)
        const next = disk.afterPowerLoss(draw)
        // The next run of the machine dies too, in the middle of taking over.
        next.cutAfter = Math.floor(draw() * 12)
        for (const [key, value] of await run(next, 100)) acked.set(key, value)
        const last = new Journal({ path: '/j', sync: true, files: next.afterPowerLoss(draw), now: () => 5000 })
        const found = new Map((await textOf(last)).map(([key, text]) => [key, Number(text)]))
        for (const [key, value] of acked)
          expect(
            found.get(key) ?? -1,
            `cut ${cut}, seed ${seed}: ${key} was acknowledged as ${value}`,
          ).toBeGreaterThanOrEqual(value)
      }
    }
  })
})

/** Mulberry32. */
function drawFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

// The comparison: its measurements run on a real Redis and see what they are meant to see.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Contender } from '../src/consistency/contender.ts'
import { contenderByName, contenders } from '../src/consistency/contenders.ts'
import type { Field } from '../src/consistency/field.ts'
import { localMember } from '../src/consistency/member.ts'
import { measureRaces, RACE_ROWS } from '../src/consistency/races.ts'
import { type RedisServer, startRedisServer } from '../src/consistency/redis-server.ts'
import { surely } from '../src/consistency/surely.ts'
import { asJson, comparisonTable, markdown } from '../src/consistency/table.ts'
import { measureTags, TAG_ROWS } from '../src/consistency/tags.ts'

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedisServer()
})
afterAll(() => redis.close())

const field = (): Field => ({ redis, start: localMember, extent: 'quick' })

describe.each(contenders.map((one) => [one.name, one] as const))('%s', (_name, contender: Contender) => {
  test('keeps what it is given, in memory and in Redis, and forgets what it is told to', async () => {
    await redis.empty()
    const options = { url: redis.url, ttlMs: 60_000, maxEntries: 100, tags: contender.hasTags }
    const [one, other] = await Promise.all([contender.open(options), contender.open(options)])
    try {
      await surely(() => one.set('a', { v: 1 }))
      expect(await one.get('a')).toEqual({ v: 1 })
      expect(await other.get('a')).toEqual({ v: 1 })
      expect(await other.getMany(['a', 'none'])).toEqual([{ v: 1 }, undefined])
      if (one.setMany !== undefined) {
        await surely(() => one.setMany?.([['m', { v: 2 }]]) ?? Promise.resolve())
        expect(await other.get('m')).toEqual({ v: 2 })
      }
      expect(await one.getOrSet('b', async () => 'loaded')).toBe('loaded')
      expect(await other.getOrSet('b', async () => 'loaded again')).toBe('loaded')
      expect(await surely(() => one.delete('a'))).toBe(true)
      expect(await one.get('a')).toBeUndefined()
      const { invalidateTag } = one
      if (invalidateTag !== undefined) {
        await surely(() => one.set('tagged', 1, ['t']))
        await surely(() => invalidateTag('t'))
        expect(await one.get('tagged')).toBeUndefined()
      }
      await expect(one.getOrSet('broken', () => Promise.reject(new Error('no source')))).rejects.toThrow()
    } finally {
      await Promise.all([one.close(), other.close()])
    }
  })
})

test('G1: an invalidation beats a load here, and the measurement finds where it does not', async () => {
  const ours = await measureRaces(field(), contenderByName('millpond'))
  expect(ours.map((cell) => cell.figures?.stale)).toEqual([0, 0, 0, 0])
  const theirs = await measureRaces(field(), contenderByName('cache-manager'))
  expect(theirs.find((cell) => cell.row === RACE_ROWS.alone)?.figures?.stale).toBe(10)
})

test('a tagged hit in memory sends no command, and an invalidation is one command', async () => {
  const cells = await measureTags(field(), contenderByName('millpond'))
  expect(cells.find((cell) => cell.row === TAG_ROWS.hit)?.text).toBe('0')
  expect(cells.find((cell) => cell.row === TAG_ROWS.invalidate)?.text).toMatch(/, [1-3]$/)
})

test('the table has a line per row and a column per contender', () => {
  const cells = new Map([
    ['millpond', [{ row: 'loads', text: '1' }]],
    ['other', [{ row: 'loads', text: '4' }]],
  ])
  const results = {
    about: {
      date: '2026-01-01',
      machine: 'two cores',
      versions: new Map([['millpond', '1: so']]),
      extent: 'quick' as const,
    },
    cells,
  }
  expect(comparisonTable(results)).toMatch(/\| loads +\| +1 \| +4 \|$/)
  expect(markdown(results)).toContain('two cores')
  expect(markdown(results)).toContain('A quick run')
  expect(JSON.parse(asJson(results)).cells.other[0].text).toBe('4')
})

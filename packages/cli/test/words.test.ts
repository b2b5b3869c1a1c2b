// Figures of the control plane in words.
import { expect, it } from 'vitest'
import { partWords } from '../src/commands/health-part.ts'
import { changeWords } from '../src/terminal/memory-change.ts'
import { plain } from '../src/terminal/text.ts'
import { counted, times } from '../src/terminal/units.ts'

const partOf = (name: string, value: number | null, target: number | null, detail: string | null = null) =>
  plain(partWords({ name, weight: 20, state: 'known', deduction: 5, value, target, detail }))

it('says of each deduction from health what was measured and what is expected', () => {
  expect(partOf('hit_ratio', 0.41, 0.8)).toBe('hit ratio: 41.0 %, target 80.0 %')
  expect(partOf('hit_ratio', 0.7, 0.93, 'the usual at this hour of the week')).toBe(
    'hit ratio: 70.0 %, the usual at this hour of the week is 93.0 %',
  )
  expect(partOf('tier_latency', 84, 20, 'redis')).toBe('p99 of redis: 84 ms, target 20 ms')
  expect(partOf('errors', 0.032, 0)).toBe('errors: 3.2 % of calls to tiers and loaders fail')
  expect(partOf('errors', 1, 0, 'the ledger does not answer')).toBe('errors: the ledger does not answer')
  expect(partOf('young_evictions', 0.06, 0)).toBe(
    'early evictions: 6.0 % of reads miss what was evicted before half its TTL',
  )
  expect(partOf('invalidation_lag', 1, 0, 'web-2 is late')).toBe('invalidations late: web-2 is late')
  expect(partOf('refill', 410, 100, '4.1 times the usual')).toBe(
    'refill: 410 loads a second, usual 100, 4.1 times the usual',
  )
  expect(partOf('newer_part', 3, null, 'why')).toBe('newer part: 3, why')
  expect(
    plain(partWords({ name: 'tier_latency', state: 'unknown', detail: 'no tier was asked in the last minute' })),
  ).toBe('latency of tiers: no tier was asked in the last minute')
})

it('names a change of memory in words', () => {
  const words = (change: unknown) => plain(changeWords(change))
  expect(words({ max_entries: 1 })).toBe('at most 1 entry')
  expect(words({ max_entries: 12_000, policy: 'w-tinylfu' })).toBe('at most 12,000 entries, policy W-TinyLFU')
  expect(words({ max_bytes: 2 ** 26 })).toBe('at most 64.0 MB')
  expect(words({ newer: [1] })).toBe('newer [1]')
  expect([words({}), words(null)]).toEqual(['nothing', 'nothing'])
})

it('counts in singular and plural', () => {
  expect([0, 1, 12_000].map((many) => counted(many, 'key'))).toEqual(['0 keys', '1 key', '12,000 keys'])
  expect([counted(1, 'entry', 'entries'), counted(null, 'entry', 'entries')]).toEqual(['1 entry', '- entries'])
  expect([times(0), times(1), times(2)]).toEqual(['0 times', 'once', '2 times'])
  // Rates, by what is shown.
  expect([times(0.96), times(1.02), times(1.06)]).toEqual(['once', 'once', '1.1 times'])
  expect(counted(1.02, 'read')).toBe('1 read')
})

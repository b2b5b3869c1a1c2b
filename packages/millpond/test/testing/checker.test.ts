// The checker is trusted only while it passes good histories and finds each planted fault.
import { describe, expect, test } from 'vitest'
import { checkHistory, focusHistory, type Rule } from '../../src/testing/checker.ts'
import type { Commit, HistoryLine, Load, Operation } from '../../src/testing/history.ts'
import fc from '../properties.ts'
import { goodHistory } from './good-history.ts'

const commit = (version: number, at: number, key = 'k'): Commit => ({ kind: 'commit', key, version, at })
const op = (part: Partial<Operation> & Pick<Operation, 'op' | 'start'>): Operation => ({
  kind: 'op',
  process: 'a',
  lane: 0,
  key: 'k',
  end: part.start + 1,
  acked: true,
  ...part,
})
const read = (process: string, version: number, start: number, more: Partial<Operation> = {}) =>
  op({ op: 'getOrSet', process, version, start, of: 'k', ...more })

/** Version 1 from the beginning; version 2 at 100, its change acked in process a at 111. */
const changed = (change: Partial<Operation> = {}): HistoryLine[] => [
  commit(1, 0),
  commit(2, 100),
  op({ op: 'delete', start: 110, ...change }),
]
const found = (lines: HistoryLine[]) => checkHistory(lines).found

describe('what a change obliges reads to show', () => {
  test('G2: the own process at once', () => {
    expect(found([...changed(), read('a', 1, 111.001)])).toEqual({ 'stale-own': 1 })
    expect(found([...changed(), read('a', 2, 111.001)])).toEqual({})
  })
  test('G2: a read that began before the ack is free', () => {
    expect(found([...changed(), read('a', 1, 111), read('a', 1, 110.5, { end: 400 })])).toEqual({})
  })
  test('G2: an own set that is not seen is a lost write', () => {
    expect(found([...changed({ op: 'set', version: 2 }), read('a', 1, 112)])).toEqual({ 'lost-write': 1 })
  })
  test('G2: another lane of the same process is the same process', () => {
    expect(found([...changed(), read('a', 1, 112, { lane: 2 })])).toEqual({ 'stale-own': 1 })
  })
  test('G3: another process within 500 ms, to the millisecond', () => {
    expect(found([...changed(), read('b', 1, 611)])).toEqual({})
    expect(found([...changed(), read('b', 1, 611.01)])).toEqual({ stale: 1 })
  })
  test('G3: a process of another region within the lag, one of the same region within 500 ms', () => {
    const regions = { of: (process: string) => (process === 'c' ? 'eu' : 'us'), lagMs: 2000 }
    const foundIn = (...lines: HistoryLine[]) => checkHistory([...changed(), ...lines], { regions }).found
    expect(foundIn(read('a', 1, 112))).toEqual({ 'stale-own': 1 })
    expect(foundIn(read('b', 1, 611.01))).toEqual({ stale: 1 })
    expect(foundIn(read('c', 1, 2111))).toEqual({})
    expect(foundIn(read('c', 1, 2111.01))).toEqual({ stale: 1 })
    // A step back that its region cannot know of is none, until it must.
    expect(foundIn(read('c', 2, 300), read('c', 1, 400))).toEqual({})
    expect(foundIn(read('b', 2, 300), read('b', 1, 400))).toEqual({ backward: 1 })
  })
  test('G3: the same process born again is another process', () => {
    expect(found([...changed(), read('a.2', 1, 300)])).toEqual({})
    expect(found([...changed(), read('a.2', 1, 700)])).toEqual({ stale: 1 })
  })
  test('G8: a tag binds every key that carries it, and no other', () => {
    const tags: HistoryLine[] = [
      { kind: 'tag', tag: 't', keys: ['k', 'm'] },
      commit(1, 0, 'm'),
      commit(2, 50, 'm'),
      commit(1, 0, 'n'),
      commit(2, 50, 'n'),
    ]
    const change = { op: 'invalidateTags', tag: 't' } as const
    const { key: _, ...tagged } = op({ ...change, start: 110 })
    const lines = [commit(1, 0), commit(2, 100), ...tags, tagged]
    expect(found([...lines, read('a', 1, 120, { key: 'm', of: 'm' })])).toEqual({ 'stale-own': 1 })
    expect(found([...lines, read('a', 1, 120, { key: 'n', of: 'n' })])).toEqual({})
  })
  test('T13: a strong read shows what any process had acked before it', () => {
    expect(found([...changed(), read('b', 1, 111.001, { strong: true })])).toEqual({ 'stale-strong': 1 })
    expect(found([...changed(), read('b', 1, 110.5, { strong: true })])).toEqual({})
  })
  test('a clear binds every key', () => {
    const { key: _, ...clear } = op({ op: 'clear', start: 110 })
    expect(found([commit(1, 0), commit(2, 100), clear, read('a', 1, 120)])).toEqual({ 'stale-own': 1 })
  })
  test('a commit after the change began is not bound by it', () => {
    expect(
      found([commit(1, 0), commit(2, 110.5), op({ op: 'delete', start: 110 }), read('a', 1, 120), read('b', 1, 900)]),
    ).toEqual({})
  })
  test('a miss is never stale', () => {
    const { version: _, of: __, ...miss } = read('a', 0, 120, { op: 'get' })
    expect(found([...changed(), miss])).toEqual({})
  })
  test('G5: a refused change is a bound for its own process and no other', () => {
    const refused = changed({ acked: false, error: { name: 'MillpondError', code: 'LEDGER_UNREACHABLE' } })
    expect(found([...refused, read('a', 1, 112)])).toEqual({ 'stale-refused': 1 })
    expect(found([...refused, read('b', 1, 5000)])).toEqual({})
  })
  test('G5: a change kept in the outbox is no ack either', () => {
    expect(found([...changed({ acked: false }), read('a', 1, 112), read('b', 1, 5000)])).toEqual({ 'stale-refused': 1 })
  })
  test('a pending change is not a bound', () => {
    expect(found([...changed({ acked: false, pending: true }), read('a', 1, 112), read('b', 1, 5000)])).toEqual({})
  })
})

describe('order, origin and ends', () => {
  test('G7: a step back behind an acked change, within the bound of G3', () => {
    expect(found([...changed(), read('b', 2, 120), read('b', 1, 130)])).toEqual({ backward: 1 })
  })
  test('G7: a step back over what was never acked is counted, not blamed', () => {
    const verdict = checkHistory([commit(1, 0), commit(2, 100), read('b', 2, 120), read('b', 1, 130)])
    expect([verdict.outcome, verdict.counts.unackedStepsBack]).toEqual(['clean', 1])
  })
  test('G7: what was shown before its change acked is no promise', () => {
    expect(
      found([commit(1, 0), commit(2, 100), read('b', 2, 105), op({ op: 'delete', start: 110 }), read('b', 1, 130)]),
    ).toEqual({})
  })
  test('G7: reads that overlap have no order', () => {
    expect(found([...changed(), read('b', 2, 120, { end: 131 }), read('b', 1, 130)])).toEqual({})
  })
  test('G7: another process has its own order', () => {
    expect(found([...changed(), read('b', 2, 120), read('c', 1, 130)])).toEqual({})
  })
  test('G10: a value of another key, one never written, one from the future', () => {
    expect(found([commit(1, 0), read('a', 1, 10, { of: 'other' })])).toEqual({ foreign: 1 })
    expect(found([commit(1, 0), read('a', 7, 10)])).toEqual({ phantom: 1 })
    expect(found([commit(1, 0), commit(2, 50), read('a', 2, 10)])).toEqual({ future: 1 })
    expect(found([commit(1, 50), read('a', 0, 10)])).toEqual({})
  })
  test('G9: 2 s after the quiet every read shows the latest', () => {
    const quiet: HistoryLine[] = [commit(1, 0), commit(2, 100), { kind: 'quiet', at: 1000 }]
    expect(found([...quiet, read('b', 1, 2999)])).toEqual({})
    expect(found([...quiet, read('b', 1, 3000)])).toEqual({ diverged: 1 })
    expect(checkHistory([...quiet, read('b', 2, 3000)]).counts.converged).toBe(1)
    expect(found([...quiet, commit(3, 2000), read('b', 2, 3000)])).toEqual({})
  })
  test('G14: what takes too long or still pends hangs, but for the time it was stopped', () => {
    expect(found([commit(1, 0), read('a', 1, 10, { end: 10_011 })])).toEqual({ hang: 1 })
    expect(found([commit(1, 0), op({ op: 'delete', start: 10, end: 20_000, acked: false, pending: true })])).toEqual({
      hang: 1,
    })
    expect(
      found([commit(1, 0), read('a', 1, 10, { end: 10_011 }), { kind: 'freeze', process: 'a', start: 100, end: 5000 }]),
    ).toEqual({})
  })
  test('an error without a known code, and a read that fails because a tier did', () => {
    const failed = (operation: 'get' | 'delete', name: string, code?: string) =>
      found([
        commit(1, 0),
        op({ op: operation, start: 1, acked: false, error: code === undefined ? { name } : { name, code } }),
      ])
    expect(failed('delete', 'TypeError')).toEqual({ 'untyped-error': 1 })
    expect(failed('delete', 'Error', 'ECONNRESET')).toEqual({ 'untyped-error': 1 })
    expect(failed('delete', 'MillpondError', 'LEDGER_UNREACHABLE')).toEqual({})
    expect(failed('get', 'MillpondError', 'TIER_FAILED')).toEqual({ 'failed-read': 1 })
    expect(failed('get', 'MillpondError', 'LOAD_TIMEOUT')).toEqual({})
  })
  test('G11: two loads at a time, unless something outdated the first', () => {
    const load = (process: string, start: number, end: number): Load => ({
      kind: 'load',
      process,
      key: 'k',
      start,
      end,
    })
    const both = [commit(1, 0), load('a', 5000, 5020), load('a', 5010, 5030)]
    expect(found(both)).toEqual({ 'double-load': 1 })
    expect(found([commit(1, 0), load('a', 5000, 5020), load('b', 5010, 5030), load('a', 5020, 5030)])).toEqual({})
    expect(found([...both, op({ op: 'delete', process: 'b', start: 4000 })])).toEqual({})
    expect(found([...both, op({ op: 'delete', process: 'b', start: 5500 })])).toEqual({ 'double-load': 1 })
    expect(found([...both, { kind: 'fault', name: 'restart', start: 4000, end: 5005 }])).toEqual({})
    const sweep = (process: string, start: number): HistoryLine => ({ kind: 'sweep', process, start, end: start + 5 })
    const ofRegions = (line: HistoryLine) =>
      checkHistory([...both, line], { regions: { of: (process) => process, lagMs: 2000 } }).found
    expect(ofRegions(sweep('a', 5002))).toEqual({})
    expect(ofRegions(sweep('a', 5011))).toEqual({ 'double-load': 1 })
    expect(ofRegions(sweep('b', 5002))).toEqual({ 'double-load': 1 })
  })
  test('a history that cannot be one is refused', () => {
    expect(() => checkHistory([commit(1, 0), commit(3, 5)])).toThrow('not 1, 2, 3')
    expect(() => checkHistory([commit(1, 10), commit(2, 5)])).toThrow('before')
    const { key: _, ...tagged } = op({ op: 'invalidateTags', tag: 'ghost', start: 1 })
    expect(() => checkHistory([tagged])).toThrow('ghost')
  })
})

describe('starvation', () => {
  const window = (start: number, lagMs: number, process = 'b'): HistoryLine => ({
    kind: 'lag',
    process,
    start,
    end: start + 100,
    lagMs,
  })
  const calm = Array.from({ length: 100 }, (_, index) => window(index * 100, 5))
  const stale = [...changed(), read('b', 1, 900)]

  test('a time bound is judged in calm windows only', () => {
    expect(checkHistory([...stale, ...calm]).outcome).toBe('violated')
    const starved = calm.map((line, index) => (index === 5 ? window(500, 80) : line))
    expect(checkHistory([...stale, ...starved])).toMatchObject({ outcome: 'clean', counts: { suspects: 1 } })
  })
  test('what is no time bound is judged always', () => {
    const own = [...changed(), read('a', 1, 900)]
    const starved = calm.map((_, index) => window(index * 100, 80, 'a'))
    expect(checkHistory([...own, ...starved])).toMatchObject({ outcome: 'violated', found: { 'stale-own': 1 } })
  })
  test('a hole in the record is starvation, the time before it is not', () => {
    expect(checkHistory([...stale, ...calm.filter((_, index) => index !== 6)]).counts.suspects).toBe(1)
    expect(checkHistory([...stale, ...calm.filter((_, index) => index < 8)]).counts.suspects).toBe(1)
    expect(checkHistory([...stale, ...calm.filter((_, index) => index > 6)]).outcome).toBe('violated')
  })
  test('what waited for a processor did not hang; what takes too long beside that did', () => {
    const long = [commit(1, 0), read('a', 1, 0, { end: 10_020 })]
    const windows = (starved: number): HistoryLine[] =>
      Array.from({ length: 102 }, (_, at) => window(at * 100, at < starved ? 80 : 5, 'a'))
    expect(checkHistory([...long, ...windows(0)]).found).toEqual({ hang: 1 })
    expect(checkHistory([...long, ...windows(1)])).toMatchObject({ found: {}, counts: { suspects: 1 } })
    const longer = [commit(1, 0), read('a', 1, 0, { end: 10_200 })]
    expect(checkHistory([...longer, ...windows(1)]).found).toEqual({ hang: 1 })
  })
  test('a process stopped by the fault under test is judged when it goes on', () => {
    const stopped: HistoryLine[] = [
      ...calm.slice(0, 3),
      { kind: 'lag', process: 'b', start: 300, end: 890, lagMs: 520 },
      { kind: 'freeze', process: 'b', start: 330, end: 840 },
      window(890, 5),
    ]
    expect(checkHistory([...stale, ...stopped]).outcome).toBe('violated')
  })
  test('over a tenth starved counts as not run', () => {
    const lines = [commit(1, 0), read('b', 1, 10)]
    const share = (bad: number) => calm.map((_, index) => window(index * 100, index < bad ? 60 : 5))
    expect(checkHistory([...lines, ...share(10)]).outcome).toBe('clean')
    expect(checkHistory([...lines, ...share(11)])).toMatchObject({ outcome: 'starved', starvedShare: 0.11 })
  })
})

type Plant = (lines: HistoryLine[], pick: (count: number) => number) => HistoryLine[] | undefined

/** Each takes a good history and makes one fault in it, or cannot. */
const plants: Record<string, { rules: Rule[]; plant: Plant }> = {
  'an old value long after an ack': {
    rules: ['stale', 'backward', 'stale-own', 'lost-write'],
    plant: (lines, pick) => agedRead(lines, pick, (ack, start) => start > ack.end + 501),
  },
  'an old value in the own process': {
    rules: ['stale-own', 'lost-write'],
    plant: (lines, pick) => agedRead(lines, pick, (ack, start, process) => ack.process === process && start > ack.end),
  },
  'a value of another key': {
    rules: ['foreign'],
    plant: (lines, pick) => replaceRead(lines, pick, (one) => ({ ...one, of: 'elsewhere' })),
  },
  'a version that was never written': {
    rules: ['phantom'],
    plant: (lines, pick) => replaceRead(lines, pick, (one) => ({ ...one, version: 1_000_000 })),
  },
  'an answer that never came': {
    rules: ['hang'],
    plant: (lines, pick) =>
      replaceRead(lines, pick, (one) => ({ ...one, end: one.start + 20_000, acked: false, pending: true })),
  },
  'a bare error': {
    rules: ['untyped-error'],
    plant: (lines, pick) => replaceRead(lines, pick, (one) => ({ ...one, acked: false, error: { name: 'Error' } })),
  },
}

function readsOf(lines: HistoryLine[]): { at: number; one: Operation }[] {
  return lines.flatMap((line, at) => (line.kind === 'op' && line.op === 'getOrSet' ? [{ at, one: line }] : []))
}

function replaceRead(
  lines: HistoryLine[],
  pick: (count: number) => number,
  make: (one: Operation) => Operation,
): HistoryLine[] | undefined {
  const reads = readsOf(lines)
  const chosen = reads[pick(reads.length)]
  return chosen === undefined ? undefined : lines.with(chosen.at, make(chosen.one))
}

function agedRead(
  lines: HistoryLine[],
  pick: (count: number) => number,
  late: (ack: Operation, start: number, process: string) => boolean,
): HistoryLine[] | undefined {
  const acks = lines.filter(
    (line): line is Operation => line.kind === 'op' && (line.op === 'delete' || line.op === 'set'),
  )
  const candidates = readsOf(lines).flatMap(({ at, one }) => {
    const ack = acks.find((change) => change.key === one.key && late(change, one.start, one.process))
    const due = lines.filter(
      (line) => line.kind === 'commit' && ack !== undefined && line.key === one.key && line.at <= ack.start,
    ).length
    return ack !== undefined && due > 0 ? [{ at, one, version: due - 1 }] : []
  })
  const chosen = candidates[pick(candidates.length)]
  return chosen === undefined ? undefined : lines.with(chosen.at, { ...chosen.one, version: chosen.version })
}

describe('planted faults in random histories', () => {
  test('good histories are clean', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 300 }), (seed, operations) => {
        const verdict = checkHistory(goodHistory({ seed, operations }))
        expect(verdict.violations).toEqual([])
        expect(verdict.outcome).toBe('clean')
        expect(verdict.counts.converged).toBe(12)
        expect(verdict.staleMs.max).toBeLessThanOrEqual(400)
      }),
      { numRuns: 200 },
    )
  })
  for (const [name, { rules, plant }] of Object.entries(plants)) {
    test(`finds ${name}`, () => {
      let planted = 0
      fc.assert(
        fc.property(fc.integer(), fc.nat(), (seed, choice) => {
          const lines = plant(goodHistory({ seed, operations: 300 }), (count) => choice % Math.max(1, count))
          fc.pre(lines !== undefined)
          planted += 1
          const verdict = checkHistory(lines ?? [])
          expect(verdict.outcome).toBe('violated')
          expect(rules.some((rule) => (verdict.found[rule] ?? 0) > 0)).toBe(true)
        }),
        { numRuns: 50 },
      )
      expect(planted).toBe(50)
    })
  }
  test('the order of the lines does not matter', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const lines = goodHistory({ seed, operations: 100 })
        expect(checkHistory([...lines].reverse())).toEqual(checkHistory(lines))
      }),
      { numRuns: 30 },
    )
  })
})

describe('scale and reports', () => {
  test('a focused history is found guilty of the same', () => {
    const others = goodHistory({ seed: 3, operations: 200 }).filter((line) => line.kind !== 'lag')
    const lines = [...changed(), ...others, read('b', 1, 700)]
    const [violation] = checkHistory(lines).violations
    if (violation === undefined) throw new Error('nothing found')
    const focused = focusHistory(lines, violation, 200)
    expect(focused.length).toBeLessThan(10)
    expect(checkHistory([...focused]).found).toEqual({ stale: 1 })
  })
  test('judges ten times the operations in the time of a few more sorts', { timeout: 120_000 }, () => {
    const small = goodHistory({ seed: 1, operations: 30_000, keys: 50 })
    const large = goodHistory({ seed: 1, operations: 300_000, keys: 500 })
    checkHistory(small)
    const cpu = (lines: HistoryLine[]) => {
      const before = process.cpuUsage()
      expect(checkHistory(lines).outcome).toBe('clean')
      const { user, system } = process.cpuUsage(before)
      return (user + system) / 1000
    }
    const ratio = cpu(large) / cpu(small)
    // Ten times the lines; n log n would be about 12, n squared 100. The rest is memory traffic.
    expect(ratio).toBeLessThan(40)
  })
})

// The recorder writes what happened, once, whether it resolved, rejected or never came.
import { describe, expect, test } from 'vitest'
import type { HistoryLine, Operation } from '../../src/testing/history.ts'
import { recordHistory } from '../../src/testing/history-recorder.ts'

function recording() {
  const lines: HistoryLine[] = []
  const recorder = recordHistory({ process: 'p', write: (some) => lines.push(...some) })
  return { recorder, lines, operations: () => lines.filter((line): line is Operation => line.kind === 'op') }
}

describe('history recorder', () => {
  test('a read that hits, one that misses, one that fails', async () => {
    const { recorder, operations } = recording()
    await recorder.read(1, 'get', 'k', () => ({ key: 'k', version: 3 }))
    await recorder.read(2, 'getOrSet', 'k', async () => undefined, true)
    const failure = Object.assign(new Error('no'), { code: 'E' })
    expect(await recorder.read(0, 'get', 'k', () => Promise.reject(failure))).toBeUndefined()
    recorder.close()
    expect(operations()).toMatchObject([
      { op: 'get', lane: 1, key: 'k', of: 'k', version: 3, acked: true },
      { op: 'getOrSet', lane: 2, strong: true, acked: true },
      { op: 'get', acked: false, error: { name: 'Error', code: 'E', message: 'no' } },
    ])
    for (const { start, end } of operations()) expect(end).toBeGreaterThanOrEqual(start)
  })
  test('a change over several keys is a line each; what was not applied is not acked', async () => {
    const { recorder, operations } = recording()
    const applied = async () => ({ isApplied: true })
    expect(
      await recorder.change(
        0,
        'set',
        {
          keys: [
            { key: 'a', version: 1 },
            { key: 'b', version: 2 },
          ],
        },
        applied,
      ),
    ).toBe(true)
    expect(
      await recorder.change(
        0,
        'invalidateTags',
        { tag: 't' },
        async () => ({ isApplied: false }),
        (one) => one.isApplied,
      ),
    ).toBe(false)
    recorder.close()
    expect(operations()).toMatchObject([
      { op: 'set', key: 'a', version: 1, acked: true },
      { op: 'set', key: 'b', version: 2, acked: true },
      { op: 'invalidateTags', tag: 't', acked: false },
    ])
    expect(operations()[0]?.start).toBe(operations()[1]?.start)
  })
  test('what still pends at the close is written as pending, and only once', async () => {
    const { recorder, operations } = recording()
    let late: (value: undefined) => void = () => {}
    const read = recorder.read(0, 'get', 'k', () => new Promise<undefined>((resolve) => (late = resolve)))
    recorder.close()
    expect(operations()).toMatchObject([{ op: 'get', pending: true, acked: false }])
    late(undefined)
    await read
    recorder.close()
    expect(operations()).toHaveLength(1)
  })
  test('an event loop that is blocked shows as lag', async () => {
    const { recorder, lines } = recording()
    await new Promise((resolve) => setTimeout(resolve, 30))
    const until = performance.now() + 120
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 30))
    recorder.close()
    const lags = lines.flatMap((line) => (line.kind === 'lag' ? [line.lagMs] : []))
    expect(Math.max(...lags)).toBeGreaterThan(90)
  })
})

// What the hit-ratio bench rests on: reading traces, the optimum, the curves.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { type Judgement, judgeColumns, measureReferences, REFERENCES } from '../../src/hit-ratio/columns.ts'
import { drawCurves } from '../../src/hit-ratio/curves.ts'
import { measure } from '../../src/hit-ratio/measure.ts'
import { optimum } from '../../src/hit-ratio/optimum.ts'
import { parseTrace, traceFiles } from '../../src/hit-ratio/trace.ts'
import { asTrace, zipf } from './traffic.ts'

/**
 * The most hits by trying every choice: what is held after each request is any part of what was held and the key
 * itself.
 */
function bestByTrial(keys: readonly number[], capacity: number): number {
  let states = new Map<string, number>([['', 0]])
  for (const key of keys) {
    const next = new Map<string, number>()
    for (const [state, hits] of states) {
      const held = state === '' ? [] : state.split(' ').map(Number)
      const isHit = held.includes(key)
      const after = isHit
        ? [held]
        : [
            held,
            ...(held.length < capacity
              ? [[...held, key]]
              : held.map((_, out) => [...held.filter((__, i) => i !== out), key])),
          ]
      for (const one of after) {
        const name = one.sort((a, b) => a - b).join(' ')
        next.set(name, Math.max(next.get(name) ?? 0, hits + (isHit ? 1 : 0)))
      }
    }
    states = next
  }
  return Math.max(...states.values())
}

describe('the hit-ratio bench', () => {
  it('the optimum is what trying everything finds', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const keys = zipf(40, 7, 0.6, seed)
      for (const capacity of [1, 2, 3]) {
        const hits = Math.round((optimum(asTrace('short', keys), capacity) / 100) * keys.length)
        expect(hits, `seed ${seed}, ${capacity} entries`).toBe(bestByTrial(keys, capacity))
      }
    }
  })

  it('reads keys, sizes and folders', () => {
    expect(parseTrace('plain', '7\n8\n7\n')).toEqual({ name: 'plain', keys: Uint32Array.of(0, 1, 0), unique: 2 })
    expect(parseTrace('sized', '7 512 1\n7 300 2')).toEqual({
      name: 'sized',
      keys: Uint32Array.of(0, 0),
      unique: 1,
      sizes: Uint32Array.of(512, 300),
    })
    const folder = mkdtempSync(join(tmpdir(), 'traces-'))
    try {
      writeFileSync(join(folder, 'b.gz'), gzipSync('1\n2\n'))
      writeFileSync(join(folder, 'README.md'), 'no trace')
      expect(traceFiles(folder).map(({ name, read }) => [name, read().unique])).toEqual([['b', 2]])
      expect(traceFiles(join(folder, 'b.gz'))).toHaveLength(1)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('draws a line for each policy of each trace, whatever the trace is called', () => {
    const trace = asTrace('a <b> & "c"', zipf(2000, 200, 0.9, 1))
    const svg = drawCurves([2, 10, 20].map((entries) => measure(trace, entries)))
    expect(svg).toContain('a &#60;b&#62; &#38; &#34;c&#34;')
    expect(svg.match(/<path d="M[\d.]+ [\d.]+L/g)).toHaveLength(6)
    expect(svg).not.toMatch(/NaN|Infinity|undefined/)
  })
})

describe('the columns of the known policies', () => {
  /** Cells as the references have them, but for one policy, which is so many points off in the first. */
  const cellsWith = (policy: Judgement['policy'], points: number) =>
    REFERENCES.map(({ ratios }, at) => ({
      ratios: { adaptive: 0, optimum: 100, ...ratios, ...(at === 0 && { [policy]: ratios[policy] + points }) },
    }))
  const failing = (policy: Judgement['policy'], points: number): string[] =>
    judgeColumns(cellsWith(policy, points))
      .filter(({ complaints }) => complaints.length > 0)
      .map((one) => one.policy)

  it.each(['lru', 'sieve', 's3-fifo'] as const)('%s may be half a point off in a cell, on either side', (policy) => {
    for (const points of [-0.4, 0, 0.4]) expect(failing(policy, points)).toEqual([])
    for (const points of [-0.6, 0.6, Number.NaN]) expect(failing(policy, points)).toEqual([policy])
  })

  it('w-tinylfu may be above in the mean, and not below', () => {
    for (const points of [0, 0.1, 10]) expect(failing('w-tinylfu', points)).toEqual([])
    for (const points of [-0.1, Number.NaN]) expect(failing('w-tinylfu', points)).toEqual(['w-tinylfu'])
  })

  it('a missing trace is told, and nothing is measured', () => {
    const loop = { name: 'loop', read: () => asTrace('loop', [1, 2, 3]) }
    const { cells, missing } = measureReferences([loop])
    expect(cells).toEqual([])
    expect(missing).toEqual(['oltp', 'orm-night', 'web07', 'scarab-recs', 'p3'])
  })
})

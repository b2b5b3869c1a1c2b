// The page of benchmarks: written from figures alone, and what the repository shows is what the figures say.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { ran } from '../../packages/millpond/test/services/index.ts'
import { type Course, type Figures, readFigures, type Taken } from '../src/page/figures.ts'
import { renderPage, renderReadme } from '../src/page/render.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const page = (...args: readonly string[]) => ran(process.execPath, [join(root, 'bench/dist/page.js'), ...args])

test('docs/benchmarks.md and the README state what bench/figures.json holds: npm run bench:page writes both', () => {
  const figures = readFigures()
  expect(read('docs/benchmarks.md')).toBe(renderPage(figures))
  expect(read('README.md')).toBe(renderReadme(read('README.md'), figures))
})

test('figures are written as the formatter leaves them', () => {
  const file = join(root, 'bench/figures.json')
  expect(readFileSync(file, 'utf8')).toBe(`${JSON.stringify(readFigures(), undefined, 2)}\n`)
  // It would draw together what fits into a line.
  expect(JSON.stringify(readFigures())).not.toMatch(/\[[^[{]/)
})

test('a quick run measures, and writes a page where it is told to', { timeout: 180_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-page-'))
  try {
    const { status, stderr } = await page('--quick', '--only', 'fast', '--to', folder)
    expect([status, stderr]).toEqual([0, expect.stringContaining('written')])
    const figures = readFigures(join(folder, 'figures.json'))
    expect(figures.fast?.sizes[0]?.costs.map(({ name, row }) => `${name}: ${row}`)).toEqual([
      'millpond: hit fresh',
      'millpond store: hit fresh',
    ])
    expect(readFileSync(join(folder, 'benchmarks.md'), 'utf8')).toBe(renderPage(figures))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test.each([
  [['--quick'], /--quick: its figures are good for nothing/],
  [['--only', 'fats'], /--only: there is no "fats"/],
])('%j is refused', async (args, message) => {
  const { status, stderr } = await page(...args)
  expect([status, stderr]).toEqual([2, expect.stringMatching(message)])
})

describe('a page', () => {
  const taken: Taken = {
    date: '2026-01-01',
    commit: 'abc1234',
    machine: 'two cores',
    load: 0.2,
    versions: { cacheable: '2.5.0' },
  }
  const course: Course = {
    requests: 10,
    writes: 1,
    hitRate: 0.5,
    meanMs: 9,
    p50Ms: 5,
    p95Ms: 120,
    queries: 20,
    cpuMs: 1000,
  }
  const figures: Figures = {
    right: {
      ...taken,
      setups: { cacheable: 'as documented' },
      cells: {
        millpond: [{ row: 'mixed load, no fault: stale own reads', text: '0 of 9' }],
        cacheable: [{ row: 'mixed load, no fault: stale own reads', text: '3 of 9' }],
      },
    },
    fast: {
      ...taken,
      rounds: 3,
      sizes: [{ entries: 1000, costs: [{ name: 'millpond', row: 'hit fresh', ratio: 1.25 }] }],
      awaited: [
        { name: 'millpond', row: 'getOrSet hit prebuilt', ns: 110 },
        { name: 'cacheable getOrSet', row: 'getOrSet hit prebuilt', ns: 90 },
      ],
      isolated: [{ name: 'millpond, isolated', row: 'hit, object', ns: 40 }],
      bytes: [],
    },
    small: {
      ...taken,
      values: [
        { value: 'one field', ours: 78, lru: 100, json: 90, set: 1.3 },
        { value: 'ten rows', ours: 120, lru: 119, json: 90, set: 0.5 },
      ],
    },
    around: {
      ...taken,
      series: 9000,
      scrape: [
        { name: 'prom-client (15.1.3)', ms: 20, ratio: 1 },
        { name: 'millpond', ms: 12, ratio: 0.6 },
      ],
      collections: [
        { row: 'hit', us: 0.5, ratio: 1.04 },
        { row: 'miss', us: 5, ratio: 2.2 },
      ],
    },
    worth: {
      ...taken,
      seconds: 30,
      sessions: 4,
      compared: 2,
      wrong: 2,
      cached: course,
      uncached: { ...course, meanMs: 12, queries: 40 },
    },
    smart: {
      ...taken,
      traces: [{ trace: 'loop', ratios: { lru: 3.1, adaptive: 2.5, optimum: 9 } }],
      mean: { lru: 3.1, adaptive: 2.5, optimum: 9 },
      below: { adaptive: 0.6 },
    },
  }
  const text = renderPage(figures).replaceAll(/ +/g, ' ')

  test('says when and where each section was taken, and the versions of contenders', () => {
    expect(text.match(/Taken on 2026-01-01 at `abc1234`, two cores, load average 0\.2 when it began\./g)).toHaveLength(
      6,
    )
    expect(text).toContain('| | millpond | cacheable (2.5.0) |')
  })

  test('hides nothing that is against us', () => {
    expect(text).toContain('| hit fresh | 1.25 |')
    expect(text).toContain('| getOrSet hit prebuilt | 0.11 | **0.090** |')
    expect(text).toContain('| one field | **78** | 100 | 90 | 1.30 |')
    expect(text).toContain('| ten rows | 120 | 119 | 90 | **0.50** |')
    expect(text).toContain('| millpond | 12.0 | 0.60 | at most 0.5 |')
    expect(text).toContain('| hit | 0.50 | **1.04** | at most 1.25 |')
    expect(text).toContain('| miss | 5.00 | 2.20 | at most 1.25 |')
    expect(text).toContain('2 are wrong')
    expect(text).toContain('| under 100 ms | not met |')
    expect(text).toContain('| loop | **3.1** | 2.5 | 9.0 |')
    expect(text).toContain('| furthest below LRU in one cell, points | | 0.6 | |')
  })

  test('says of a section without figures that they are missing', () => {
    expect(renderPage({}).match(/Not taken yet/g)).toHaveLength(6)
  })

  test('the README has its figures in the place that is marked, and a README without one is refused', () => {
    expect(renderReadme('a <!-- figures -->old<!-- /figures --> b', figures)).toBe(
      'a <!-- figures -->A hit takes 0.040 us of CPU, an awaited one 0.11; stale reads of own writes under load: millpond 0 of 9, cacheable 3 of 9<!-- /figures --> b',
    )
    expect(() => renderReadme('nothing', figures)).toThrow('no <!-- figures -->')
  })
})

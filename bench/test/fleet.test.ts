// A short form of `npm run bench:fleet`: what it measures is there, and does not grow with the number of namespaces.
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { describeWith, ran } from '../../packages/millpond/test/services/index.ts'

const PROGRAM = fileURLToPath(new URL('../dist/fleet.js', import.meta.url))

describeWith('redis', 'bench:fleet', () => {
  test('has a row for each setting, with figures', { timeout: 120_000 }, async () => {
    const args = ['--processes', '5', '--namespaces', '1,20', '--real', '1', '--seconds', '1', '--rates', '50']
    const { stdout, status, stderr } = await ran(process.execPath, [PROGRAM, ...args])
    expect([status, stderr]).toEqual([0, ''])
    const rows = stdout.split('\n').filter((line) => /^\| \d/.test(line))
    expect(rows.map((line) => line.split('|')[1]?.trim())).toEqual([
      '6 processes, 1 namespaces',
      '6 processes, 20 namespaces',
      '50 a second in 1 namespaces',
      '50 a second in 20 namespaces',
    ])
    for (const row of rows) {
      const figures = row.split('|').slice(2, -1).map(Number)
      const [invalidations = Number.NaN, rejected = Number.NaN] = figures.splice(6)
      expect(figures.length).toBe(6)
      for (const figure of figures) expect(figure, row).toBeGreaterThan(0)
      expect(invalidations > 0, row).toBe(row.includes('a second'))
      expect(rejected, row).toBeGreaterThanOrEqual(0)
    }
  })
})

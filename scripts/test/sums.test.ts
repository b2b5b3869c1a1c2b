// The sums at the end of `npm test` are those of a real Vitest run, faults of every kind included.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { root, tool } from '../prepare.mjs'
import { closingLine, countTests } from '../sums.mjs'

const good = "test('a', () => {})\ntest.skip('b', () => {})\ntest.todo('c')\ntest('d', () => {})"

describe('countTests', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'millpond-sums-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test.each([
    ['passed, skipped and to do', {}, '2 passed, 0 failed, 2 skipped'],
    ['a failed test', { 'bad.test.js': "test('x', () => { throw new Error('no') })" }, '2 passed, 1 failed, 2 skipped'],
    ['a file that cannot be loaded', { 'bad.test.js': "import './nowhere.js'" }, '2 passed, 1 failed, 2 skipped'],
    [
      'a hook that fails',
      { 'bad.test.js': "beforeAll(() => { throw new Error('no') })\ntest('x', () => {})" },
      '2 passed, 1 failed, 3 skipped',
    ],
    [
      'an error outside of every test',
      {
        'bad.test.js':
          "test('x', () => { setTimeout(() => Promise.reject(new Error('no'))); return new Promise((r) => setTimeout(r, 50)) })",
      },
      /^3 passed, 1 failed/,
    ],
  ])('counts %s', (_, files: Record<string, string>, line) => {
    for (const [file, text] of Object.entries({ 'good.test.js': good, ...files })) writeFileSync(join(folder, file), text)
    const report = join(folder, 'report.json')
    const args = [tool('vitest'), 'run', '--root', folder, '--globals', '--reporter=json', `--outputFile=${report}`]
    const { status } = spawnSync(process.execPath, args, { cwd: root, env: { ...process.env, VITEST: '' }, stdio: 'ignore' })
    const closing = closingLine(countTests(JSON.parse(readFileSync(report, 'utf8')), status === 0))
    if (typeof line === 'string') expect(closing).toBe(line)
    else expect(closing).toMatch(line)
  })

  test('leaves out what was not skipped', () => {
    expect(closingLine({ passed: 7, failed: 0, skipped: 0 })).toBe('7 passed, 0 failed')
  })
})

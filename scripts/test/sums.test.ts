// The sums at the end of `npm test`, and the list of what failed, are those of a real Vitest run, faults of every kind
// included.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { root, tool } from '../prepare.mjs'
import { closingLine, countTests } from '../sums.mjs'

const good = "test('a', () => {})\ntest.skip('b', () => {})\ntest.todo('c')\ntest('d', () => {})"

describe('a run of tests', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'millpond-sums-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test.each([
    ['passed, skipped and to do', {}, '2 passed, 0 failed, 2 skipped', undefined],
    [
      'a failed test',
      { 'bad.test.js': "describe('d', () => { test('x', () => { throw new Error('no\\nmore') }) })" },
      '2 passed, 1 failed, 2 skipped',
      /bad\.test\.js > d > x: no$/,
    ],
    [
      'a file that cannot be loaded',
      { 'bad.test.js': "import './nowhere.js'" },
      '2 passed, 1 failed, 2 skipped',
      /bad\.test\.js: .*nowhere\.js/,
    ],
    [
      'a hook that fails',
      { 'bad.test.js': "describe('d', () => { beforeAll(() => { throw new Error('no') })\ntest('x', () => {}) })" },
      '2 passed, 1 failed, 3 skipped',
      /bad\.test\.js > d: no$/,
    ],
    [
      'an error outside of every test',
      {
        'bad.test.js':
          "test('x', () => { setTimeout(() => Promise.reject(new Error('no'))); return new Promise((r) => setTimeout(r, 50)) })",
      },
      /^3 passed, 1 failed/,
      /outside of any test, during .*bad\.test\.js.*: no$/,
    ],
  ])('counts and names %s', (_, files: Record<string, string>, line, failure) => {
    for (const [file, text] of Object.entries({ 'good.test.js': good, ...files }))
      writeFileSync(join(folder, file), text)
    const report = join(folder, 'report.json')
    const reporters = [
      '--reporter=json',
      `--outputFile=${report}`,
      `--reporter=${join(root, 'scripts', 'failures.mjs')}`,
    ]
    const args = [tool('vitest'), 'run', '--root', folder, '--globals', ...reporters]
    const { status, stderr } = spawnSync(process.execPath, args, {
      cwd: root,
      env: { ...process.env, VITEST: '' },
      encoding: 'utf8',
    })
    const closing = closingLine(countTests(JSON.parse(readFileSync(report, 'utf8')), status === 0))
    if (typeof line === 'string') expect(closing).toBe(line)
    else expect(closing).toMatch(line)
    const [, failures] = stderr.split('what failed:\n')
    if (failure === undefined) expect(failures).toBeUndefined()
    else expect(failures?.trimEnd()).toMatch(failure)
  })

  test('leaves out what was not skipped', () => {
    expect(closingLine({ passed: 7, failed: 0, skipped: 0 })).toBe('7 passed, 0 failed')
  })
})

// What a busy machine makes fail counts as not run, and says so; what the product does wrong never does.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { root, tool } from '../prepare.mjs'
import { closingLine, countTests } from '../sums.mjs'
import { TICK_MS, watchWaiting } from '../waiting.mjs'

function world() {
  let at = 0
  let waited = 0
  const watch = watchWaiting({ now: () => at, waited: () => waited })
  return {
    watch,
    /** Ticks come when they should. */
    calm(ms: number) {
      for (const until = at + ms; at < until; watch.tick()) at += TICK_MS
    },
    /** A tick comes late: of this, so much was spent in waiting for a processor. */
    late(ms: number, waiting: number) {
      at += TICK_MS + ms
      waited += waiting
      watch.tick()
    },
  }
}

describe('a machine is busy', () => {
  test('when the event loop was late for want of a processor, for a tenth of the time', () => {
    const { watch, calm, late } = world()
    late(60, 60)
    expect(watch.excuse(0)).toMatch(/100 % of the time/)
    calm(1200)
    expect(watch.excuse(0)).toBeUndefined()
    late(150, 140)
    expect(watch.excuse(0)).toMatch(/19 % of the time/)
  })

  test('in the last second before a failure, however long the test', () => {
    const { watch, calm, late } = world()
    calm(60_000)
    late(50, 50)
    calm(500)
    expect(watch.excuse(0)).toMatch(/10 % of the time/)
    calm(1000)
    expect(watch.excuse(0)).toBeUndefined()
  })

  test('not when the process itself kept its event loop, nor by lags under 50 ms', () => {
    const { watch, calm, late } = world()
    late(5000, 30)
    for (let count = 0; count < 20; count++) late(49, 49)
    expect(watch.excuse(0)).toBeUndefined()
    const since = watch.now()
    calm(100)
    expect(watch.excuse(since)).toBeUndefined()
  })

  test('only while the test ran', () => {
    const { watch, calm, late } = world()
    late(800, 800)
    const since = watch.now()
    calm(100)
    expect(watch.excuse(since)).toBeUndefined()
  })
})

const CASES = `
test('a wrong value', () => { expect(1).toBe(2) })
test('too much heap', () => { expect(19_000_000).toBeLessThan(12_000_000) })
test('another error than was to be', () => expect(Promise.reject(new Error('no answer within 200 ms'))).rejects.toThrow('refused'))
test('given up', async () => { throw new Error('[redis] read: no answer within 200 ms') })
test('a loader that was given up', () => { throw new Error('the loader of "k" did not return within 10000 ms: the key is free again') })
test('given up by a client of the test', () => { throw new Error('timeout expired') })
test('given up by a pool of the test', () => { throw new Error('timeout exceeded when trying to connect') })
test('of a published suite', () => { throw new Error('not within 10 ms: a lease to run out') })
test('in a browser', () => { throw new Error('locator.waitFor: Timeout 30ms exceeded.') })
test('too slow', () => { expect(9, 'in time').toBeLessThan(5) })
test('polled', () => expect.poll(() => 1, { timeout: 30, interval: 5 }).toBe(2))
test('never comes', { timeout: 30 }, () => new Promise(() => {}))
test('is well', () => {})
describe('a hook', () => { beforeAll(() => new Promise(() => {}), 30); test('within', () => {}) })`

describe('of a run on a busy machine', () => {
  function run(name: string, excuse: string, files: Record<string, string> = { 'cases.test.js': CASES }) {
    const folder = mkdtempSync(join(tmpdir(), 'millpond-fair-'))
    try {
      for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
      const from = JSON.stringify(pathToFileURL(join(root, 'scripts/fair-runner.mjs')).href)
      const watch = `{ now: () => 0, excuse: () => ${excuse} }`
      writeFileSync(
        join(folder, 'runner.mjs'),
        `import { fairRunner } from ${from}\nexport default fairRunner(${watch})\n`,
      )
      writeFileSync(
        join(folder, 'vitest.config.mjs'),
        `export default { test: { name: ${JSON.stringify(name)}, globals: true, runner: './runner.mjs', isolate: ${name !== 'rooms'}, maxWorkers: 1 } }\n`,
      )
      const report = join(folder, 'report.json')
      const reporters = [
        '--reporter=default',
        '--reporter=json',
        `--outputFile=${report}`,
        `--reporter=${join(root, 'scripts', 'failures.mjs')}`,
      ]
      const { status, stderr } = spawnSync(process.execPath, [tool('vitest'), 'run', '--root', folder, ...reporters], {
        cwd: root,
        env: { ...process.env, VITEST: '' },
        encoding: 'utf8',
      })
      return {
        status,
        stderr,
        closing: closingLine(countTests(JSON.parse(readFileSync(report, 'utf8')), status === 0)),
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  test.each(['alone', 'rooms'])(
    'what never came, or is said to be judged by time, is not run, and all else fails as ever (%s)',
    (project) => {
      const { status, stderr, closing } = run(project, '"busy"')
      expect({ status, closing }).toEqual({ status: 1, closing: '1 passed, 3 failed, 10 skipped' })
      const [, list] = stderr.split('what counts as not run:\n')
      const failed = [
        'a wrong value: expected 1 to be 2',
        'too much heap: expected 19000000 to be less than',
        'another error than was to be: ',
      ]
      expect(list?.split('what failed:\n')[1]?.trim().split('\n')).toEqual(
        failed.map((one) => expect.stringContaining(one)),
      )
      expect(list).toMatch(/too slow: not run: busy; it said: in time: expected 9 to be less than 5/)
      expect(list).toMatch(/polled: not run: busy; it said: expected 1 to be 2/)
      expect(list).toMatch(/given up: not run: busy; it said: \[redis\] read: no answer within 200 ms/)
      expect(list).toMatch(
        /a loader that was given up: not run: busy; it said: the loader of "k" did not return within 10000 ms/,
      )
      expect(list).toMatch(/of the test: not run: busy; it said: timeout expired/)
      expect(list).toMatch(/a pool of the test: not run: busy; it said: timeout exceeded when trying to connect/)
      expect(list).toMatch(/suite: not run: busy; it said: not within 10 ms: a lease to run out/)
      expect(list).toMatch(/in a browser: not run: busy; it said: locator.waitFor: Timeout 30ms exceeded/)
      expect(list).toMatch(/never comes: not run: busy; it said: Test timed out in 30ms/)
      expect(stderr).toMatch(/a hook: not run: busy; it said: Hook timed out in 30ms/)
    },
  )

  test('a suite that leaves its process changed fails itself, and not where no other comes after it', () => {
    const files = {
      'a.test.js': "test('a', () => { globalThis.fetch = () => 'no'; process.env.LEFT = 'yes' })",
      'b.test.js': "test('b', () => { const { now } = Date; Date.now = () => 0; Date.now = now })",
    }
    const { closing, stderr } = run('rooms', 'undefined', files)
    expect(closing).toBe('2 passed, 1 failed')
    expect(stderr).toMatch(
      /what failed:\n.*a\.test\.js: it leaves fetch, process\.env\.LEFT changed for the suites after it/,
    )
    expect(run('own', 'undefined', files).closing).toBe('2 passed, 0 failed')
  })

  test('on a quiet one, all of them fail', () => {
    const { status, closing } = run('alone', 'undefined')
    expect({ status, closing }).toEqual({ status: 1, closing: '1 passed, 12 failed, 1 skipped' })
  })
})

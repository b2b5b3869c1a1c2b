// How published suites of other projects are brought and judged, on a repository of the test's own.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { root } from '../prepare.mjs'
import { bringSuite, fetched, NotBrought } from '../suites/bring.mjs'
import { casesOf, judge, tableOf } from '../suites/judge.mjs'
import { SUITES } from '../suites/list.mjs'

/** `npm test` needs Node and npm alone. */
const withGit = test.skipIf(spawnSync('git', ['--version']).status !== 0)

const git = (cwd: string, ...args: string[]) => {
  const own = ['-c', 'user.name=a', '-c', 'user.email=a@b', '-c', 'commit.gpgsign=false']
  const { status, stdout, stderr } = spawnSync('git', [...own, ...args], { cwd, encoding: 'utf8' })
  expect([status, stderr]).toEqual([0, expect.any(String)])
  return stdout.trim()
}

/** A repository with two commits, of which the first is asked for. */
function repository() {
  const home = mkdtempSync(join(tmpdir(), 'millpond-suites-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  const folder = join(home, 'from', 'shop', 'store')
  mkdirSync(join(folder, 'test'), { recursive: true })
  git(folder, 'init', '--quiet')
  git(folder, 'config', 'uploadpack.allowFilter', 'true')
  git(folder, 'config', 'uploadpack.allowAnySHA1InWant', 'true')
  const commits = ['first', 'second'].map((word) => {
    writeFileSync(join(folder, 'test', 'store.test.ts'), word)
    writeFileSync(join(folder, 'test', 'tsconfig.json'), '{ "extends": "../../none.json" }')
    writeFileSync(join(folder, 'other.ts'), word)
    git(folder, 'add', '.')
    git(folder, 'commit', '--quiet', '-m', word)
    return git(folder, 'rev-parse', 'HEAD')
  })
  const suite = {
    label: 'Stores',
    of: 'store 1.0.0',
    repository: 'shop/store',
    commit: commits[0] ?? '',
    paths: ['test'],
    doors: { 'src/index.ts': 'unstorage-itself.ts' },
    tests: ['test/*.test.ts'],
  }
  return { home, folder, suite }
}

withGit('brings the files of the pinned commit, with the door in its place and nothing else', () => {
  const { home, folder, suite } = repository()
  const files = bringSuite('stores', suite, { from: join(home, 'from'), home })
  expect(readFileSync(join(files, 'test', 'store.test.ts'), 'utf8')).toBe('first')
  expect([join(files, 'other.ts'), join(files, 'test', 'tsconfig.json')].map((path) => existsSync(path))).toEqual([
    false,
    false,
  ])
  expect(readFileSync(join(files, 'src', 'index.ts'), 'utf8')).toBe(
    readFileSync(join(root, 'scripts/suites/doors/unstorage-itself.ts'), 'utf8'),
  )
  // Again, without the repository: what was brought is kept.
  rmSync(folder, { recursive: true })
  mkdirSync(join(folder, '.git'), { recursive: true })
  expect(
    readFileSync(
      join(bringSuite('stores', suite, { from: join(home, 'from'), home }), 'test', 'store.test.ts'),
      'utf8',
    ),
  ).toBe('first')
})

withGit('brings what lies unpacked, and says what is missing', () => {
  const { home, folder, suite } = repository()
  rmSync(join(folder, '.git'), { recursive: true })
  const files = bringSuite('stores', suite, { from: join(home, 'from'), home })
  expect(readFileSync(join(files, 'test', 'store.test.ts'), 'utf8')).toBe('second')
  expect(() => bringSuite('stores', { ...suite, repository: 'shop/none' }, { from: join(home, 'from'), home })).toThrow(
    NotBrought,
  )
})

withGit('fetches one commit of a repository by its address, and says why it cannot', () => {
  const { home, folder, suite } = repository()
  const clone = fetched(home, pathToFileURL(folder).href, suite.commit)
  expect(git(clone, 'archive', suite.commit, '--', 'test').length).toBeGreaterThan(0)
  expect(() => fetched(home, pathToFileURL(folder).href, '0'.repeat(40))).toThrow(/git fetch: .*0{40}/)
})

test('judges: failed without a reason, passed against one, not run at all', () => {
  const cases = casesOf({
    testResults: [
      {
        name: 'a.test.ts',
        assertionResults: [
          { fullName: 'sets', status: 'passed' },
          { fullName: ' peeks', status: 'failed', failureMessages: ['Error: no peek\n  at'] },
          { fullName: 'races', status: 'passed' },
          { fullName: 'later', status: 'pending' },
        ],
      },
      { name: 'b.test.ts', message: 'does not load', assertionResults: [] },
    ],
  })
  expect(judge(cases, [])).toEqual({
    passed: 2,
    total: 5,
    others: [{ reason: 'are skipped by the suite itself', count: 1 }],
    faults: ['peeks: Error: no peek', 'b.test.ts: does not load'],
  })
  const permitted = [
    { reason: 'look inside', tests: ['peeks', 'sets', 'gone'] },
    { reason: 'race', tests: ['races'], isTimed: true },
  ]
  const { others, faults } = judge(cases, permitted)
  expect(others).toEqual([
    { reason: 'look inside', count: 1 },
    { reason: 'are skipped by the suite itself', count: 1 },
  ])
  expect(faults).toEqual([
    'sets: passes; remove it from permitted.json',
    'b.test.ts: does not load',
    'gone: was not run; remove it from permitted.json',
  ])
  const twice = [
    { name: 'error', status: 'passed' },
    { name: 'error', status: 'failed' },
  ]
  expect(judge(twice, [{ reason: 'fails', tests: ['error'] }]).faults).toEqual([])
  expect(judge([], []).faults).toEqual(['no test was run'])
})

test('the guide has a row for each suite, as the script writes it', () => {
  const page = readFileSync(join(root, 'docs/guide/drop-ins.md'), 'utf8')
  const [, written = ''] = /<!-- suites -->(.*)<!-- \/suites -->/s.exec(page) ?? []
  const [head = ''] = tableOf([]).split('\n')
  expect(written).toContain(head)
  expect(Object.values(SUITES).filter(({ label, of }) => !written.includes(`| ${label} | ${of} |`))).toEqual([])
})

test('every file that takes a place is used, and every reason belongs to a suite', () => {
  const permitted = JSON.parse(readFileSync(join(root, 'scripts/suites/permitted.json'), 'utf8'))
  expect(Object.keys(permitted).filter((name) => SUITES[name] === undefined)).toEqual([])
  for (const { doors } of Object.values(SUITES))
    for (const door of Object.values(doors))
      expect(existsSync(join(root, 'scripts/suites/doors', door)), door).toBe(true)
})

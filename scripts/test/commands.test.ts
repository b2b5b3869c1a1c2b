// The commands of the project say what they can do, refuse what they cannot, and need nothing installed or built for
// either.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ran } from '../../packages/millpond/test/services/index.ts'
import { root } from '../prepare.mjs'
import { only } from '../servers.mjs'

const call = (script: string, ...args: readonly string[]) =>
  ran(process.execPath, [join(root, 'scripts', script), ...args])

test.each([
  ['api.mjs', ['--help'], 'npm run api'],
  ['audit.mjs', ['--help'], 'npm run audit'],
  ['docs.mjs', ['--help'], 'npm run docs'],
  ['examples.mjs', ['-h'], 'npm run examples'],
  ['ready.mjs', ['--help'], 'npm run ready'],
  ['release.mjs', ['-h'], 'npm run release'],
  ['sbom.mjs', ['-h'], 'npm run sbom'],
  ['suites.mjs', ['-h'], 'npm run suites'],
  ['histories.mjs', ['--help'], 'npm run histories'],
  ['kills.mjs', ['-h'], 'npm run kills'],
  ['long.mjs', ['-h'], 'npm run long'],
  ['start.mjs', ['serve', '-h'], 'Usage: npm start'],
  ['start.mjs', ['load', '--help'], 'Usage: npm run load'],
  ['start.mjs', ['hit-ratio', '--help'], 'usage: npm run bench:hit-ratio'],
  ['start.mjs', ['bench-page', '--help'], 'usage: npm run bench:page'],
])('%s %j', async (script, args, begins) => {
  const { status, stdout } = await call(script, ...args)
  expect([status, stdout.startsWith(begins), stdout.includes('npm ci')]).toEqual([0, true, false])
})

test.each([
  ['api.mjs', ['--chekc'], /"--chekc" is not an option/],
  ['audit.mjs', ['--hlep'], /"--hlep" is not an option/],
  ['examples.mjs', ['--al'], /"--al" is not an option/],
  ['docs.mjs', ['--serv'], /"--serv" is not an option/],
  ['docs.mjs', ['--port', 'any'], /--port: "any" is not a port/],
  ['release.mjs', ['--publsih'], /"--publsih" is not an option/],
  ['ready.mjs', ['now'], /"now" is not an option/],
  ['sbom.mjs', ['--out'], /"--out" is not an option/],
  ['histories.mjs', ['--tier', 'oracle'], /--tier: "oracle" is not one of/],
  ['histories.mjs', ['--skip', 'some'], /--skip: "some" is not a number/],
  ['histories.mjs', ['--minutes', 'ten'], /--minutes: "ten" is not a number/],
  ['kills.mjs', ['--seconds', '5'], /Unknown option '--seconds'/],
  ['kills.mjs', ['--minutes', '0'], /--minutes: "0" is not allowed/],
  ['suites.mjs', ['--only', 'keyv,redux'], /--only: there is no suite "redux"/],
  ['suites.mjs', ['--from', 'no-such-folder'], /--from: no-such-folder does not exist/],
  ['long.mjs', ['--minutes', '1'], /--minutes: "1" is not allowed/],
])('%s %j is refused', async (script, args, message) => {
  const { status, stderr } = await call(script, ...args)
  expect([status, stderr]).toEqual([2, expect.stringMatching(message)])
})

test('CONTRIBUTING names only commands that exist', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  for (const page of ['CONTRIBUTING.md', 'README.md']) {
    const named = [...readFileSync(join(root, page), 'utf8').matchAll(/`npm (?:run )?([a-z][a-z:-]*)/g)].map(
      (match) => match[1] ?? '',
    )
    expect(named.filter((name) => !(name in scripts) && !['ci', 'install', 'pack'].includes(name))).toEqual([])
    expect(named.length).toBeGreaterThan(3)
  }
})

test('CONTRIBUTING names only files and folders that exist', () => {
  const page = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8')
  const named = [...page.matchAll(/`((?:packages|apps|bench|scripts|docs|deploy|examples)\/[\w./-]+)`/g)].map(
    (match) => match[1] ?? '',
  )
  // What a recipe is about to make, and what a command has made.
  const lost = named.filter(
    (path) => !path.includes('NAME') && path !== 'docs/site/dist' && !existsSync(join(root, path)),
  )
  expect(lost).toEqual([])
  expect(named.length).toBeGreaterThan(8)
  const links = [...page.matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1] ?? '')
  expect(links.filter((link) => !existsSync(join(root, link)))).toEqual([])
  expect(links.length).toBeGreaterThan(2)
})

test('a command that needs one server brings no other', () => {
  expect(Object.keys(only(['memcached', 'redis', 'redis']))).toEqual(['redis', 'memcached'])
  expect(only([])).toEqual({})
})

// What is said of a failure says no secret, however the address was written.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { reasonOf } from '../src/agent/reason.ts'

it.each([
  ['connect to redis://me:pass@10.0.0.1:6379/0 failed', 'connect to redis://***@10.0.0.1:6379/0 failed'],
  ['"redis://me:pa/ss@host" is not a URL', '"redis://***@host" is not a URL'],
  ['redis://:p@ss@host:1 and rediss://:other@host:2', 'redis://***@host:1 and rediss://***@host:2'],
  ['postgres://host/db?user=me&password=pass&x=1', 'postgres://host/db?user=me&password=***&x=1'],
  ['GET https://cdn/api?api_key=pass ended with 403', 'GET https://cdn/api?api_key=*** ended with 403'],
  ['[millpond] no node answers at http://10.0.0.1/', 'no node answers at http://10.0.0.1/'],
])('%s', (words, said) => {
  expect(reasonOf(words)).toBe(said)
})

it("an error of another realm, as Node's own are under Jest, is reported by its message", () => {
  const foreign: unknown = runInNewContext("new TypeError('[millpond] connect to redis://me:pass@host failed')")
  expect(foreign).not.toBeInstanceOf(Error)
  expect(reasonOf(foreign)).toBe('connect to redis://***@host failed')
})

it('no file uses `instanceof Error` itself', () => {
  const source = fileURLToPath(new URL('../src', import.meta.url))
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
  expect(files.filter((path) => readFileSync(join(source, path), 'utf8').includes('instanceof Error'))).toEqual([])
})

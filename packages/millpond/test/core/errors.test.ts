// What is an error: those of Node's own modules are of another realm where a test runner gives each file its own
// globals.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { isError, show } from '../../src/core/errors.ts'
import { classify } from '../../src/core/sqlite.ts'

test('errors of another realm are errors, and what looks like one is none', () => {
  const foreign: unknown = runInNewContext('new TypeError("elsewhere")')
  expect(foreign).not.toBeInstanceOf(Error)
  expect(isError(foreign)).toBe(true)
  expect(isError(new RangeError('here'))).toBe(true)
  for (const value of [undefined, null, 'Error', { name: 'Error', message: 'x' }]) expect(isError(value)).toBe(false)
})

test('a lock is a lock, though the driver of another realm throws what is no error by birth', () => {
  const foreign: unknown = runInNewContext(`
    function SqliteError(message, code) { this.message = message; this.code = code; Error.captureStackTrace(this, SqliteError) }
    Object.setPrototypeOf(SqliteError.prototype, Error.prototype)
    new SqliteError('database is locked', 'SQLITE_BUSY')`)
  expect(Object.prototype.toString.call(foreign)).toBe('[object Object]')
  expect(classify(foreign)).toBe('busy')
})

test('no file of the library asks `instanceof Error` itself', () => {
  const source = fileURLToPath(new URL('../../src', import.meta.url))
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
  const asking = files.filter((path) => readFileSync(join(source, path), 'utf8').includes('instanceof Error'))
  expect(asking).toEqual([join('core', 'errors.ts')])
})

test('what has no class with a name is shown by what it is', () => {
  const generator = (function* () {
    yield 1
  })()
  expect([generator, new (class {})(), Object.create(null), new Map()].map(show)).toEqual([
    'an instance of Generator',
    '{}',
    '{}',
    'an instance of Map',
  ])
})

// Errors of Node's own modules and of an SDK are of another realm where a test runner gives each file its own globals.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { s3Error } from '../src/assets/s3-errors.ts'
import { isError } from '../src/is-error.ts'

const foreign = (more: string): unknown => runInNewContext(`Object.assign(new Error('elsewhere'), ${more})`)

test('an error of another realm is recognised, and a similar object is not', () => {
  const error = foreign('{}')
  expect(error).not.toBeInstanceOf(Error)
  expect(isError(error)).toBe(true)
  for (const value of [undefined, null, 'Error', { name: 'Error', message: 'x' }]) expect(isError(value)).toBe(false)
})

test('S3 errors are reported with their remedy, whichever realm they are from', () => {
  const told = s3Error(foreign("{ name: 'NoSuchBucket', $metadata: { httpStatusCode: 404 } }"), 'bucket')
  expect([told.code, told.message]).toEqual([
    'NOT_FOUND',
    expect.stringContaining('there is no such bucket: create it'),
  ])
  expect(s3Error(foreign("{ code: 'ECONNREFUSED' }"), 'bucket').message).toContain('it cannot be reached: elsewhere')
})

test('no file uses `instanceof Error` itself', () => {
  const source = fileURLToPath(new URL('../src', import.meta.url))
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
  expect(files.filter((path) => readFileSync(join(source, path), 'utf8').includes('instanceof Error'))).toEqual([])
})

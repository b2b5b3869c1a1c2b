// What is read of a damaged SQLite file counts as corrupt, whichever driver read it.
import { expect, it } from 'vitest'
import { classify, numberIn, textIn } from '../../src/core/sqlite.ts'

const failureOf = (read: () => unknown): unknown => {
  try {
    return read()
  } catch (error) {
    return classify(error)
  }
}

it('text that is not UTF-8 is that of a corrupt file', () => {
  expect(failureOf(() => textIn({ a: new Uint8Array([0x61, 0xff, 0x62]) }, 'a'))).toBe('corrupt')
  expect(textIn({ a: new TextEncoder().encode('\ufeffä') }, 'a')).toBe('\ufeffä')
})

it('bytes in the place of a number are those of a corrupt file; what is missing is a fault of the query', () => {
  expect(failureOf(() => numberIn({ a: new Uint8Array(1) }, 'a'))).toBe('corrupt')
  expect(failureOf(() => numberIn({ a: null }, 'a'))).toBe('other')
  expect(numberIn({ a: 7n }, 'a')).toBe(7)
})

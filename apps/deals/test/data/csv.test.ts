import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseCsv } from '../../src/data/csv.ts'

const fields = (text: string) => [...parseCsv(text)].map((record) => record.fields)

test('quotes, line ends, a byte order mark and a missing last line end', () => {
  expect(fields('\uFEFFa,b\r\n"x, ""y""","two\nlines"\r\n\r\nlast,')).toEqual([
    ['a', 'b'],
    ['x, "y"', 'two\nlines'],
    ['last', ''],
  ])
})

test('every record knows its line, blank lines and lines within quotes counted', () => {
  expect([...parseCsv('a\n\n"b\nb"\nc')].map((record) => record.line)).toEqual([1, 3, 5])
})

test('what was written is read', () => {
  const quoted = (field: string) => `"${field.replaceAll('"', '""')}"`
  const rows = fc.array(fc.array(fc.string(), { minLength: 2, maxLength: 5 }), { maxLength: 8 })
  fc.assert(
    fc.property(rows, fc.constantFrom('\n', '\r\n'), (given, end) => {
      expect(fields(given.map((row) => row.map(quoted).join(',')).join(end))).toEqual(given)
    }),
  )
})

// The CSV reader on what real files do.
import { expect, test } from 'vitest'
import { parseCsv } from '../../src/data/csv.ts'
import { createRandom } from '../../src/data/random.ts'

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
  const random = createRandom(11)
  const field = () =>
    Array.from({ length: random.whole(0, 6) }, () =>
      random.pick(['a', 'é', '"', ',', '\n', '\r\n', ' ', '\uFEFF']),
    ).join('')
  for (let round = 0; round < 500; round++) {
    const rows = Array.from({ length: random.whole(0, 6) }, () => Array.from({ length: random.whole(2, 5) }, field))
    const text = rows
      .map((row) => row.map((each) => `"${each.replaceAll('"', '""')}"`).join(','))
      .join(random.pick(['\n', '\r\n']))
    expect(fields(text)).toEqual(rows)
  }
})

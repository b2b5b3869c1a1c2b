// Values of about 2 KB as services keep them, one for each shape that a codec may find easy or hard.

const WORDS =
  'lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna'.split(
    ' ',
  )
const word = (index: number): string => WORDS[(index * 7) % WORDS.length] ?? ''

/** A response of a shop: some fields, a list of rows, a text. The goals refer to it. */
const deal = {
  id: 12345,
  title: 'A deal of the day: headphones that hear nothing',
  price: 199.99,
  currency: 'EUR',
  active: true,
  tags: ['audio', 'sale', 'new'],
  seller: { id: 7, name: 'Some Shop', rating: 4.7, city: 'Ulm' },
  items: Array.from({ length: 14 }, (_, i) => ({
    sku: `SKU-${i}`,
    qty: i,
    price: i * 1.25,
    name: `Item number ${i}`,
    stock: i % 2 === 0,
    at: 1_700_000_000_000 + i,
  })),
  description: 'It is what it is. '.repeat(22),
  stats: { views: 1000, clicks: 50, ratio: 0.05 },
}

const flat = Object.fromEntries(
  Array.from({ length: 80 }, (_, i) => [
    `${word(i)}_${word(i + 3)}_${i}`,
    [i * 1.5, `${word(i)} ${word(i + 1)}`, i % 8 === 2, i][i % 4] ?? null,
  ]),
)

const nested = (levels: number): object =>
  levels === 0
    ? { name: 'leaf', value: 42, tags: ['a', 'b'] }
    : {
        id: levels,
        label: `level ${levels}`,
        left: nested(levels - 1),
        right: nested(levels - 1),
        meta: { created: '2026-01-01T00:00:00Z', by: 'ann' },
      }

const rows = Array.from({ length: 21 }, (_, id) => ({
  id,
  name: `user ${id}`,
  email: `user${id}@example.org`,
  age: 20 + id,
  active: id % 2 === 0,
  score: id * 0.37,
}))

const texts = {
  id: 'abc',
  body: 'The quick brown fox jumps over the lazy dog. '.repeat(30),
  html: '<p class="x">héllo wörld</p>\n'.repeat(20),
}

const numbers = {
  series: [
    ...Array.from({ length: 220 }, (_, i) => Math.trunc(Math.sin(i) * 100) + 0),
    ...Array.from({ length: 60 }, (_, i) => Math.sin(i)),
  ],
}

/** Rows of a database, with dates, which JSON cannot represent. */
const times = rows.slice(0, 18).map((row) => ({ ...row, createdAt: new Date(1_700_000_000_000 + row.id) }))

export const VALUES = { deal, flat, nested: nested(4), rows, texts, numbers, times } as const

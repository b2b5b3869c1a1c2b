// The file tier beside a Map: two processes' worth of tiers on one folder, closed, opened, torn and cleared in any
// order.
import { appendFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { item } from '../../src/testing/tier.ts'
import { type FileTier, file } from '../../src/tiers/file/index.ts'
import fc from '../properties.ts'
import { temporaryFolder } from './folder.ts'

const folder = temporaryFolder()
const KEYS = ['a:1', 'a:2', 'a:3', 'b:1', 'b:2', 'é', 'a:\u0000', 'long'.repeat(100)]
const key = fc.constantFrom(...KEYS)
const who = fc.integer({ min: 0, max: 1 })

type Step =
  | {
      readonly do: 'write'
      readonly who: number
      readonly keys: readonly string[]
      readonly length: number
      readonly isOver: boolean
    }
  | { readonly do: 'drop'; readonly who: number; readonly keys: readonly string[] }
  | { readonly do: 'clear'; readonly who: number; readonly prefix: string }
  | { readonly do: 'reopen'; readonly who: number }
  | { readonly do: 'tear'; readonly bytes: Uint8Array }
  | { readonly do: 'check'; readonly who: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      who,
      keys: fc.array(key, { minLength: 1, maxLength: 5 }),
      length: fc.integer({ min: 0, max: 20_000 }),
      isOver: fc.integer({ min: 1, max: 20 }).map((of20) => of20 <= 3),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('drop' as const), who, keys: fc.array(key, { maxLength: 4 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('clear' as const),
      who,
      prefix: fc.constantFrom('a:', 'b', '', 'nothing', 'long'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reopen' as const), who }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('tear' as const), bytes: fc.uint8Array({ minLength: 1, maxLength: 200 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('check' as const), who }) },
)

const newest = (path: string): string | undefined => {
  const name = readdirSync(path)
    .filter((one) => /^\d+\.millpond$/.test(one))
    .sort()
    .at(-1)
  return name === undefined ? undefined : join(path, name)
}
const onDisk = (path: string): number =>
  readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).blocks * 512, 0)

/** What a folder of `maxBytes` is expected to hold is checked by `judge`, key by key. */
async function run(
  steps: readonly Step[],
  maxBytes: number,
  judge: (stored: string | undefined, wanted: string | undefined) => void,
): Promise<void> {
  const path = folder()
  const model = new Map<string, string>()
  const open = (): FileTier => file({ path, maxBytes })
  const tiers = [open(), open()]
  const at = (one: number): FileTier => tiers[one] ?? expect.fail('there are two')
  let count = 0
  try {
    for (const one of steps) {
      if (one.do === 'write') {
        const bodies = one.keys.map((name) => `${name} ${count++} ${'x'.repeat(one.length)}`)
        await at(one.who).write(
          one.keys.map((name, n) => item(name, bodies[n], one.isOver ? 1 : Number.POSITIVE_INFINITY, count)),
        )
        for (const [n, name] of one.keys.entries()) {
          if (one.isOver) model.delete(name)
          else model.set(name, bodies[n] ?? '')
        }
      } else if (one.do === 'drop') {
        await at(one.who).drop(one.keys)
        for (const name of one.keys) model.delete(name)
      } else if (one.do === 'clear') {
        await at(one.who).clear(one.prefix)
        for (const name of [...model.keys()]) if (name.startsWith(one.prefix)) model.delete(name)
      } else if (one.do === 'reopen') {
        await at(one.who).close()
        tiers[one.who] = open()
      } else if (one.do === 'tear') {
        const log = newest(path)
        if (log !== undefined) appendFileSync(log, one.bytes)
      } else {
        const read = await at(one.who).read(KEYS)
        for (const [n, name] of KEYS.entries()) judge(read[n] && Buffer.from(read[n].body).toString(), model.get(name))
        const listed = new Set<string>()
        for await (const keys of at(one.who).scan('')) for (const name of keys) listed.add(name)
        for (const name of listed) expect(model.has(name)).toBe(true)
      }
      expect(onDisk(path)).toBeLessThan(maxBytes * 1.05 + 65_536)
    }
  } finally {
    await Promise.all(tiers.map((tier) => tier.close()))
  }
}

test('G20: with room for everything, it holds exactly what a Map holds, in both', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), (steps) =>
      run(steps, 64 * 1_048_576, (stored, wanted) => expect(stored).toBe(wanted)),
    ),
    { numRuns: 60 },
  )
}, 120_000)

test('with too little room entries leave, but nothing old and nothing dropped ever shows', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 120 }), (steps) =>
      run(steps, 1_048_576, (stored, wanted) => {
        if (stored !== undefined) expect(stored).toBe(wanted)
      }),
    ),
    { numRuns: 40 },
  )
}, 120_000)

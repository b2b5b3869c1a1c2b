// Checks that run side by side: each said in one piece, none begun after a failure.
import { expect, test } from 'vitest'
import { type Check, type Outcome, sideBySide } from '../side-by-side.mjs'

const node =
  (code: string): Check =>
  (run) =>
    run(process.execPath, ['-e', code])

async function outcomesOf(checks: readonly [string, Check][], width: number): Promise<Omit<Outcome, 'ms'>[]> {
  const outcomes: Omit<Outcome, 'ms'>[] = []
  await sideBySide(checks, width, ({ ms: _, ...outcome }) => outcomes.push(outcome))
  return outcomes
}

test('the output of each check comes in one piece, even if others print meanwhile', async () => {
  const talk = (word: string): Check => node(`console.log('${word} 1'); setImmediate(() => console.error('${word} 2'))`)
  const outcomes = await outcomesOf(
    [
      ['a', talk('a')],
      ['b', talk('b')],
      ['c', talk('c')],
    ],
    2,
  )
  expect(outcomes.toSorted((x, y) => x.name.localeCompare(y.name))).toEqual(
    ['a', 'b', 'c'].map((name) => ({ name, well: true, output: `${name} 1\n${name} 2` })),
  )
})

test('nothing begins after a failure, and what is under way is waited for', async () => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const slow: Check = async () => {
    await held
    return true
  }
  const failing: Check = async (run) => {
    const well = await run(process.execPath, ['-e', 'process.exit(3)'])
    setImmediate(release)
    return well
  }
  const outcomes = await outcomesOf(
    [
      ['slow', slow],
      ['failing', failing],
      ['never', slow],
    ],
    2,
  )
  expect(outcomes.map(({ name, well }) => [name, well])).toEqual([
    ['failing', false],
    ['slow', true],
  ])
})

test('a program that is not there is a failure that says so', async () => {
  const [outcome] = await outcomesOf([['gone', (run) => run('no-such-program-here', [])]], 1)
  expect(outcome).toMatchObject({
    well: false,
    output: expect.stringContaining('no-such-program-here could not be run'),
  })
})

// CPU time of several ways to do the same, in turn within each round, so that what slows all of them cancels out.
import { type Spread, spread } from './numbers.ts'

export interface Way {
  readonly name: string
  /** Does the work once; `turn` differs each time. */
  readonly run: (turn: number) => unknown
}

export interface Cost {
  readonly name: string
  /** CPU microseconds of one run. */
  readonly us: Spread
  /** Over the first way in the same round. */
  readonly ratio: Spread
}

/** Enough for V8's last compiler. */
const WARM_MS = 400
const BATCH_MS = 60

export async function interleaved(ways: readonly Way[], rounds: number): Promise<Cost[]> {
  const turns = ways.map(() => 0)
  const counts = ways.map(() => 1)
  const us = ways.map((): number[] => [])
  const timed = async (at: number): Promise<number> => {
    const way = ways[at]
    const count = counts[at] ?? 1
    const before = process.cpuUsage()
    const from = turns[at] ?? 0
    for (let turn = 0; turn < count; turn++) await way?.run(from + turn)
    const { user, system } = process.cpuUsage(before)
    turns[at] = from + count
    return Math.max(1, user + system) / count
  }
  for (let at = 0; at < ways.length; at++) {
    for (let ms = 0; ms < WARM_MS; ) {
      const one = (await timed(at)) / 1000
      ms += one * (counts[at] ?? 1)
      counts[at] = Math.max(1, Math.ceil(BATCH_MS / one))
    }
  }
  for (let round = 0; round < rounds; round++)
    for (let place = 0; place < ways.length; place++) {
      const at = (place + round) % ways.length
      us[at]?.push(await timed(at))
    }
  const first = us[0] ?? []
  return ways.map(({ name }, at) => {
    const own = us[at] ?? []
    return { name, us: spread(own), ratio: spread(own.map((one, round) => one / (first[round] ?? Number.NaN))) }
  })
}

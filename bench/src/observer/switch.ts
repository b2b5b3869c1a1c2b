// Loaded before the deals service (`--import`): holds the clocks of its control plane still, or lets them go, for a
// second each in turn, and counts what each second took. One process is both sides of the comparison: two processes of
// the same program differ by more than what is looked for. They go faster than by day, and the difference is divided by
// that: what a machine is busy with besides is not multiplied.
import { subscribe } from 'node:diagnostics_channel'

/** What the process is asked to do. */
export interface Turns {
  readonly pairs: number
  /** A divisor of 20: how many times as often the clocks strike, where they are let go. */
  readonly faster: number
  readonly sliceMs: number
}

/** One slice: the processor time of the whole process, and the answers in it. */
export interface Slice {
  readonly isWatched: boolean
  readonly cpuUs: number
  readonly answers: number
}

const OBSERVER = /\/packages\/control\/dist\//
const FASTEST = 20

const begin = globalThis.setInterval
let isStill = false
let every = FASTEST
let answers = 0

subscribe('http.server.response.finish', () => {
  answers++
})

globalThis.setInterval = new Proxy(begin, {
  apply(target, self, [work, ms, ...more]: [() => void, number, ...unknown[]]) {
    if (!OBSERVER.test(new Error('who calls').stack ?? '')) return Reflect.apply(target, self, [work, ms, ...more])
    let strokes = 0
    const struck = (): void => {
      if (++strokes % every === 0 && !isStill) work()
    }
    return Reflect.apply(target, self, [struck, ms / FASTEST, ...more])
  },
})

process.on('message', ({ pairs, sliceMs, faster }: Turns) => {
  every = FASTEST / faster
  const slices: Slice[] = []
  let before = { cpuUs: 0, answers: 0 }
  const turn = (): void => {
    const cpuUs = cpuNow()
    if (started > 0)
      slices.push({ isWatched: !isStill, cpuUs: cpuUs - before.cpuUs, answers: answers - before.answers })
    if (started === 2 * pairs) {
      clearInterval(timer)
      isStill = false
      every = FASTEST
      process.send?.(slices)
      return
    }
    // Which of a pair is first is left to chance: nothing that comes at even times falls on one of them alone.
    isStill = started % 2 === 0 ? Math.random() < 0.5 : !isStill
    started++
    before = { cpuUs: cpuNow(), answers }
  }
  let started = 0
  const timer = begin(turn, sliceMs)
  turn()
})
process.channel?.unref()

function cpuNow(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

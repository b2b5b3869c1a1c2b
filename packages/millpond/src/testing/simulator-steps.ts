// Decides what happens next: every point where processes could overtake each other is a step that waits to be chosen.

/** Chooses among `count` steps that could happen now, the oldest first: 0 to count-1. */
export type Choose = (count: number) => number

export interface Steps {
  /** Waits to be chosen. `owner` can be stopped. */
  step(owner: string, label: string): Promise<void>
  /** The owner's steps are not chosen until `go`. */
  stop(owner: string): void
  go(owner: string): void
  /** The owner was killed: its steps never happen. */
  drop(owner: string): void
  /**
   * Lets chosen steps happen until `isDone`; calls `idle` when none can, which returns whether that has changed
   * anything.
   */
  drive(choose: Choose, isDone: () => boolean, idle: () => boolean): Promise<void>
  /** What happened, in order. */
  readonly trace: readonly string[]
}

interface Waiting {
  readonly owner: string
  readonly label: string
  readonly happen: () => void
}

/** Always the first choice: steps happen in the order in which they came. */
export const inOrder: Choose = () => 0

export function openSteps(limit = 20_000): Steps {
  let waiting: Waiting[] = []
  const stopped = new Set<string>()
  const gone = new Set<string>()
  const trace: string[] = []

  return {
    trace,
    step(owner, label) {
      return new Promise((resolve) => {
        if (!gone.has(owner)) waiting.push({ owner, label, happen: resolve })
      })
    },
    stop: (owner) => void stopped.add(owner),
    go: (owner) => void stopped.delete(owner),
    drop(owner) {
      gone.add(owner)
      waiting = waiting.filter((one) => one.owner !== owner)
    },
    async drive(choose, isDone, idle) {
      await settle()
      while (!isDone()) {
        const able = waiting.filter((one) => !stopped.has(one.owner))
        const next = able[able.length > 1 ? choose(able.length) : 0]
        if (next === undefined) {
          if (!idle()) return
        } else {
          waiting.splice(waiting.indexOf(next), 1)
          trace.push(`${next.owner} ${next.label}`)
          if (trace.length > limit) return
          next.happen()
        }
        await settle()
      }
    },
  }
}

/** The check phase comes only after the microtasks have run dry. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

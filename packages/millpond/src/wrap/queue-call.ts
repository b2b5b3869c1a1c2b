// One caller's request in a queue, answered by one command or by several, each of which holds a part of it.

/** What may be an item of a call. */
export type QueueItem = string | object

/** Commands of one call that fail in a row, before the rest of it is given up. */
const MOST_FAILURES = 2

/** One caller's request. */
export interface Call<I extends QueueItem, A> {
  readonly items: readonly I[]
  readonly answers: A[]
  /** Items that were put into a command, and items that were answered. */
  sent: number
  answered: number
  /** Items whose command failed, of a call that takes the answers of its other commands. */
  failed: number
  /** Commands that failed, without an answer in between. */
  failsInRow: number
  /** The first error of a command. */
  failure: unknown
  /** Nothing more of it is sent. */
  isStopped: boolean
  /** It has its answers or its error, or nobody waits for it. */
  isOver: boolean
  readonly caller: Caller<A>
}

/** Who waits for a call. One of the two is called, once, unless the caller leaves first. */
export interface Caller<A> {
  answered(answers: readonly A[]): void
  failed(error: unknown): void
  /** Called for each command that was answered; without it, the first failure is that of the whole call. */
  readonly onPart?: (() => void) | undefined
}

export interface Part<I extends QueueItem, A> {
  readonly call: Call<I, A>
  readonly from: number
  readonly count: number
}

export function deliver<I extends QueueItem, A>(parts: readonly Part<I, A>[], answers: readonly A[]): void {
  let at = 0
  for (const { call, from, count } of parts) {
    const first = at
    while (at < first + count) call.answers[from + (at - first)] = answers[at++] as A
    call.answered += count
    call.failsInRow = 0
    if (call.isOver) continue
    call.caller.onPart?.()
    settle(call)
  }
}

export function refuse<I extends QueueItem, A>(parts: readonly Part<I, A>[], error: unknown): void {
  for (const { call, count } of parts) {
    call.failed += count
    call.failsInRow++
    if (call.caller.onPart === undefined || call.failsInRow >= MOST_FAILURES) stop(call, error)
    else {
      call.failure ??= error
      settle(call)
    }
  }
}

/** Nothing more is sent of it; what is under way is waited for if the caller takes it. */
export function stop<I extends QueueItem, A>(call: Call<I, A>, error: unknown): void {
  call.failure ??= error
  call.isStopped = true
  settle(call)
}

function settle<I extends QueueItem, A>(call: Call<I, A>): void {
  const { items, answers, sent, answered, failed, failure, isStopped, caller } = call
  if (call.isOver) return
  const hasFailed = isStopped && caller.onPart === undefined
  if (!hasFailed && answered + failed < (isStopped ? sent : items.length)) return
  call.isOver = true
  if (hasFailed || (answered === 0 && (failed > 0 || isStopped))) caller.failed(failure)
  else caller.answered(answers)
}

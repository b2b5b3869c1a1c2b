// How the published suites talk to a test runner: vitest, node:test, mocha and jest fit as they are.

/** `describe` and `it` of any runner whose `it` has a `skip`. */
export interface Runner {
  /** Groups the cases of a suite. */
  readonly describe: (name: string, body: () => void) => unknown
  /** Registers the cases. */
  readonly it: RunnerIt
}

/** `it` of a runner: registers a case, or skips it. */
export interface RunnerIt {
  /** Registers a case. */
  (name: string, body: (...context: unknown[]) => Promise<void>): unknown
  /** Registers a case that is not run; its name says why. */
  skip(name: string, body: (...context: unknown[]) => Promise<void>): unknown
}

/** One obligation of a contract. `id` is stable: skips name it. */
export interface Case<S> {
  readonly id: string
  readonly title: string
  /** May resolve with a text: why there was nothing to prove, if the feature is optional in the contract. */
  readonly run: (subject: S) => Promise<unknown>
}

/**
 * Registers every case. A case is left out only by an entry `id -> reason` in `skips`, and the reason is printed with
 * it; an unknown id throws, so that a skip cannot outlive its case.
 */
export function register<S>(
  runner: Runner,
  name: string,
  subject: S,
  cases: readonly Case<S>[],
  skips: Readonly<Record<string, string>>,
): void {
  const known = new Set(cases.map((one) => one.id))
  for (const [id, reason] of Object.entries(skips)) {
    if (!known.has(id)) throw new Error(`${name}: skip of the unknown case "${id}"; known are ${[...known].join(', ')}`)
    if (reason.trim() === '') throw new Error(`${name}: the skip of "${id}" needs a reason`)
  }
  runner.describe(name, () => {
    for (const one of cases) {
      const reason = skips[one.id]
      const title = `${one.id}: ${one.title}`
      // A named parameter would make some runners wait for a callback.
      const body = async (...context: unknown[]): Promise<void> => {
        const found = await one.run(subject)
        if (typeof found === 'string') skipIn(context[0], found)
      }
      if (reason === undefined) runner.it(title, body)
      else runner.it.skip(`${title} (skipped: ${reason})`, body)
    }
  })
}

/** Vitest and node:test let a running test skip itself; with other runners it passes. */
function skipIn(context: unknown, reason: string): void {
  const skip: unknown = context instanceof Object ? Reflect.get(context, 'skip') : undefined
  if (typeof skip === 'function') skip.call(context, reason)
}

/** Repeats `check` until it is true; fails with `what` after `ms`. For effects that have a deadline but no event. */
export async function until(what: string, check: () => Promise<boolean> | boolean, ms = 10_000): Promise<void> {
  const end = performance.now() + ms
  while (!(await check())) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

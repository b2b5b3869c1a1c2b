// What the cache does by itself belongs to no request. A timer that is set while a request is served would keep that
// request's `AsyncLocalStorage` contexts in memory until it fires, and run in them: one that sets itself again would do
// so for ever.

type Run = <T>(work: () => T) => T

let run: Run = (work) => work()

/** Calls a function outside the contexts of its caller: what it creates keeps none of them. */
export const outside = <T>(work: () => T): T => run(work)

/** How that is done is a matter of the runtime, which this room knows nothing of. */
export function runOutsideBy(way: Run): void {
  run = way
}

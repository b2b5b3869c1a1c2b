// The session of the current request, for prediction.
import { AsyncLocalStorage } from 'node:async_hooks'

export interface Sessions {
  /** Runs a request in this session; `undefined`: of an unknown user. */
  run<T>(session: string | undefined, answer: () => T): T
  current(): string | undefined
}

export function createSessions(): Sessions {
  const storage = new AsyncLocalStorage<string | undefined>()
  return {
    run: (session, answer) => storage.run(session, answer),
    current: () => storage.getStore(),
  }
}

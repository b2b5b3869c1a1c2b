// Who asks while a request is answered: told to whoever predicts what is read next.
import { AsyncLocalStorage } from 'node:async_hooks'

export interface Sessions {
  /** Answers a request of this session; `undefined`: of nobody who is known. */
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

// A control plane on a store of its own, with a user of every role; called as a program would call it, over Request and Response.
import {
  type ControlOptions,
  type ControlPlane,
  createControl,
  ensureToken,
  openStore,
  ROLES,
  type Role,
  type Store,
} from '@millpond/control'

export interface Opened {
  readonly store: Store
  readonly plane: ControlPlane
  readonly call: (method: string, path: string, options?: CallOptions) => Promise<Called>
  readonly close: () => Promise<void>
}

export interface CallOptions {
  readonly as?: Role | 'limited' | undefined
  readonly token?: string
  readonly body?: unknown
  readonly text?: string
  readonly headers?: Record<string, string>
}

export interface Called {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever came
  readonly json: any
}

export const tokenOf = (who: string): string => `${who}-`.padEnd(40, 'x')

export async function open(where = ':memory:', options: Partial<ControlOptions> = {}): Promise<Opened> {
  const store = await openStore(where)
  for (const role of ROLES) await ensureToken(store, { name: role, role }, tokenOf(role))
  await ensureToken(store, { name: 'limited', role: 'editor', namespaces: ['mine'] }, tokenOf('limited'))
  const errors: unknown[] = []
  const plane = createControl({
    store,
    onError: (error) => errors.push(error),
    rates: { write: { perMinute: 1e6, burst: 1e6 } },
    ...options,
  })
  return {
    store,
    plane,
    async call(method, path, { as, token = as && tokenOf(as), body, text, headers = {} } = {}) {
      const response = await plane.fetch(
        new Request(`http://127.0.0.1/api/admin/caching/${path}`, {
          method,
          headers: {
            ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
            ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
            ...headers,
          },
          ...(body === undefined ? (text === undefined ? {} : { body: text }) : { body: JSON.stringify(body) }),
        }),
      )
      const answer = await response.text()
      const { status } = response
      if (status === 500) throw errors.at(-1)
      return { status, headers: response.headers, text: answer, json: jsonOf(answer) }
    },
    close: () => store.close(),
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

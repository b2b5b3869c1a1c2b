// A control plane on a store of its own, with a user of every role; called as a program would call it, over Request and
// Response.
import {
  type ControlOptions,
  type ControlPlane,
  createControl,
  ensureToken,
  openStore,
  ROLES,
  type Role,
  type Route,
  type Store,
} from '@millpond/control'
import { z } from 'zod'

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

export const tokenOf = (caller: string): string => `${caller}-`.padEnd(40, 'x')

export async function open(where = ':memory:', options: Partial<ControlOptions> = {}): Promise<Opened> {
  const store = await openStore(where)
  for (const role of ROLES) await ensureToken(store, { name: role, role }, tokenOf(role))
  await ensureToken(store, { name: 'limited', role: 'editor', namespaces: ['mine'] }, tokenOf('limited'))
  const errors: unknown[] = []
  const plane = createControl({
    store,
    onError: (error) => errors.push(error),
    rates: Object.fromEntries(
      (['write', 'purge', 'scan'] as const).map((kind) => [kind, { perMinute: 1e6, burst: 1e6 }]),
    ),
    ...options,
  })
  return {
    store,
    plane,
    async call(method, path, { as, token = as && tokenOf(as), body, text, headers = {} } = {}) {
      const response = await plane.fetch(
        new Request(`http://127.0.0.1${path.startsWith('/') ? path : `/api/admin/caching/${path}`}`, {
          method,
          headers: {
            // As long as may be: on a busy machine, too, what is done is answered with what it came to.
            Prefer: 'wait=60',
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
      checkContract(plane.routes, method, path, status, answer, response.headers)
      return { status, headers: response.headers, text: answer, json: jsonOf(answer) }
    },
    async close() {
      await plane.close()
      await store.close()
    },
  }
}

/**
 * Every answer of every test is held against what the route says that it answers: no field that is not described, none
 * that is missing.
 */
function checkContract(
  routes: readonly Route[],
  method: string,
  path: string,
  status: number,
  text: string,
  headers: Headers,
): void {
  const given = path
    .replace(/[?#].*$/, '')
    .replace(/\/$/, '')
    .split('/')
  const fits = ({ path: described, method: wanted, base }: Route): boolean => {
    const parts = (base === undefined ? described : `${base}/${described}`).replace(/\/$/, '').split('/')
    return (
      wanted === method &&
      parts.length === given.length &&
      parts.every((part, at) => part.startsWith('{') || part === given[at])
    )
  }
  const route = routes.find((one) => fits(one) && !one.path.includes('{')) ?? routes.find(fits)
  if (route === undefined || !headers.get('content-type')?.startsWith('application/json')) return
  const answer = route.answers[status]
  if (answer === undefined) throw new Error(`${method} ${route.path} answered ${status}, which it does not describe`)
  const parsed = answer.schema === undefined ? undefined : strict(answer.schema).safeParse(JSON.parse(text))
  if (parsed?.success === false)
    throw new Error(
      `${method} ${route.path} answered other than it says: ${parsed.error.message}\n${text.slice(0, 2000)}`,
    )
}

/** Objects take no key that is not described. */
function strict(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodObject) {
    const isLoose = schema.def.catchall instanceof z.ZodUnknown
    const shape = Object.fromEntries(
      Object.entries(schema.shape).map(([name, part]) => [name, strict(part as z.ZodType)]),
    )
    return isLoose ? z.looseObject(shape) : z.strictObject(shape)
  }
  if (schema instanceof z.ZodArray) return z.array(strict(schema.element as z.ZodType))
  if (schema instanceof z.ZodNullable) return strict(schema.unwrap() as z.ZodType).nullable()
  if (schema instanceof z.ZodOptional) return strict(schema.unwrap() as z.ZodType).optional()
  if (schema instanceof z.ZodDefault) return strict(schema.unwrap() as z.ZodType)
  if (schema instanceof z.ZodUnion) return z.union(schema.options.map((option) => strict(option as z.ZodType)))
  return schema
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

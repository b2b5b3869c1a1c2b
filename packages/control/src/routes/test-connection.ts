// Can what a configuration names be reached, written, read and deleted? A failed test is an answer too.
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { mayTouch } from '../access/roles.ts'
import { actsOf } from '../agent/acts.ts'
import type { Answered } from '../agent/answers.ts'
import { reasonOf } from '../agent/reason.ts'
import type { ConfigurationDocument } from '../configurations/document.ts'
import { makeCache } from '../configurations/named.ts'
import type { Control } from '../control.ts'
import { defineRoute, json, type Route } from '../http/route.ts'
import { heldConfiguration } from './configurations.ts'

const TEST_MS = 20_000
const step = z.object({
  tier: z.string().describe('or "all"'),
  step: z
    .string()
    .describe('resolve, connect, tls, authenticate (open, on a disk), ping, server, settings; then write, read, look, delete'),
  ok: z.boolean(),
  verdict: z.enum(['ok', 'warning', 'failed']),
  ms: z.number(),
  detail: z.string().optional(),
  remedy: z.string().optional().describe('what to do, where it is not ok'),
})

export const testConnection: Route = defineRoute({
  method: 'POST',
  path: 'configurations/{id}/test_connection/',
  summary:
    'Reach every tier step by step (name, port, TLS, sign-in, round trips, what the server is and how it is set), then write, read and delete an entry of its own; in the running cache where there is one. The name of a cache that runs will do in the place of an id, whether or not a configuration of it is stored',
  scope: 'config:read',
  rate: 'write',
  body: z.strictObject({}),
  answers: {
    200: {
      description: 'What came of it, also where it failed (ok: false)',
      schema: z.object({
        ok: z.boolean(),
        tested: z.enum(['running cache', 'new connection']),
        steps: z.array(step),
        warnings: z.array(z.string()),
      }),
    },
  },
  async handle(call) {
    const { control, params, principal } = call
    const { id = '' } = params
    const asCache = control.fleet.has(id) && mayTouch(principal, id)
    const document = asCache ? undefined : await heldConfiguration(call)
    const name = document?.name ?? id
    if (document !== undefined && !control.fleet.has(name))
      return json(200, { tested: 'new connection', ...(await tryOut(control, document)) })
    return json(200, { tested: 'running cache', ...(await control.fleet.one(name, 'test', null, { deadlineMs: TEST_MS })) })
  },
})

async function tryOut(
  { tiers }: Control,
  { id: _, ...document }: ConfigurationDocument & { readonly id: string },
): Promise<Answered['test']> {
  const began = performance.now()
  try {
    // Under another name: entries and ledger of the cache itself are left alone.
    const cache = makeCache({ ...document, name: `test-${randomUUID()}`, is_active: true }, tiers)
    try {
      return await actsOf(cache).test(null)
    } finally {
      await cache.close()
    }
  } catch (error) {
    return {
      ok: false,
      steps: [
        {
          tier: document.cache_type,
          step: 'open',
          ok: false,
          verdict: 'failed',
          ms: Math.round(performance.now() - began),
          detail: reasonOf(error),
          remedy: 'mend what the message names, in the tiers that the control plane was given or in this configuration',
        },
      ],
      warnings: [],
    }
  }
}

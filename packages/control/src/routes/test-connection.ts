// Tests whether what a configuration names can be reached, written, read and deleted. A failed test is a regular
// answer.
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
    .describe(
      'resolve, connect, tls, authenticate (open, on a disk), ping, server, settings; then write, read, look, delete',
    ),
  ok: z.boolean(),
  verdict: z.enum(['ok', 'warning', 'failed']),
  ms: z.number(),
  detail: z.string().optional(),
  remedy: z.string().optional().describe('what to do if it is not ok'),
})

export const testConnection: Route = defineRoute({
  method: 'POST',
  path: 'configurations/{id}/test_connection/',
  summary:
    'Test every tier step by step (name, port, TLS, sign-in, round trips, server version and settings), then write, read and delete a test entry; in the running cache if there is one. The name of a running cache may be used instead of an id, whether or not its configuration is stored',
  scope: 'config:read',
  rate: 'write',
  body: z.strictObject({}),
  answers: {
    200: {
      description: 'The result, even if it failed (ok: false)',
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
    return json(200, {
      tested: 'running cache',
      ...(await control.fleet.one(name, 'test', null, { deadlineMs: TEST_MS })),
    })
  },
})

async function tryOut(
  { tiers }: Control,
  { id: _, ...document }: ConfigurationDocument & { readonly id: string },
): Promise<Answered['test']> {
  const began = performance.now()
  try {
    // Under a separate name: entries and ledger of the cache itself are not touched.
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
          remedy: 'fix what the message names, in the tiers given to the control plane or in this configuration',
        },
      ],
      warnings: [],
    }
  }
}

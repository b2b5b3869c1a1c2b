// Automatic changes: their settings by cache, and their state.
import { z } from 'zod'
import { autoSettings, autoState } from '../auto/settings.ts'
import { oneCache, oneWholeCache } from '../fleet/reach.ts'
import { defineRoute, json, type Route } from '../http/route.ts'

const cacheName = z.string().max(128).optional()
const shown = z.object({ cache_name: z.string(), settings: autoSettings, state: autoState })

export const autoRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'optimizations/auto/',
    summary:
      'Show whether recommendations are applied automatically, within which limits, what is in progress, and the results',
    scope: 'metrics:read',
    query: z.strictObject({ cache_name: cacheName }),
    answers: { 200: { description: 'Of one cache', schema: shown } },
    async handle({ control, principal, query }) {
      const cache = oneCache(control, principal, query.cache_name)
      return json(200, {
        cache_name: cache,
        settings: await control.auto.settings(cache),
        state: await control.auto.state(cache),
      })
    },
  }),
  defineRoute({
    method: 'PUT',
    path: 'optimizations/auto/',
    summary: 'Turn it on or off; a setting left out goes back to its default, and the default is off',
    scope: 'config:write',
    rate: 'write',
    body: autoSettings.extend({ cache_name: cacheName, dry_run: z.boolean().default(false) }),
    answers: { 200: { description: 'Its current state', schema: shown } },
    async handle({ control, principal, body, caller }) {
      const { cache_name, dry_run, ...settings } = body
      const cache = oneWholeCache(control, principal, cache_name)
      if (!dry_run) await control.auto.put(cache, settings, caller)
      return json(200, { cache_name: cache, settings, state: await control.auto.state(cache) })
    },
  }),
]

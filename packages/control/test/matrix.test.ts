// Every role at every route: who may, and who is told that they may not, with a row in the audit.
import { ROLE_SCOPES, ROLES, type Scope } from '@millpond/control'
import { createCache } from 'millpond'
import { expect, it } from 'vitest'
import { open } from './setup.ts'

it('each route answers only callers with its permission, and a refusal is recorded', async () => {
  const cache = createCache({ name: 'shop' })
  const opened = await open(':memory:', { caches: [cache] })
  let refused = 0
  for (const route of opened.plane.routes) {
    const path = (route.base === undefined ? '' : `${route.base}/`) + route.path.replaceAll(/\{\w+\}/g, 'none')
    const body = route.method === 'GET' ? {} : { body: { nonsense: 1 } }
    expect((await opened.call(route.method, path, body)).status, `nobody at ${route.method} ${path}`).toBe(401)
    for (const role of ROLES) {
      // A stream has no end that could be read: HEAD asks the same of it.
      const method = path === 'stream/' ? 'HEAD' : route.method
      const { status } = await opened.call(method, path, { as: role, ...body })
      const mayCall = route.scope === 'any' || ROLE_SCOPES[role].includes(route.scope as Scope)
      expect(status === 403, `${role} ${route.method} ${path} answered ${status}`).toBe(!mayCall)
      if (!mayCall) refused++
    }
  }
  const { rows } = await opened.store.read
    .selectFrom('audit')
    .select((eb) => eb.fn.countAll<number>().as('rows'))
    .where('outcome', '=', 'refused')
    .executeTakeFirstOrThrow()
  expect(rows).toBe(refused)
  await opened.close()
  await cache.close()
})

// What the control plane owes, on whichever store it keeps.

import { verifyAudit } from '@millpond/control'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Opened, open, tokenOf } from './setup.ts'

const JSON_TYPE = { 'Content-Type': 'application/json' }

/** As a client of the sources sends it. */
export const plain = (name: string) => ({
  name,
  cache_type: 'memory',
  strategy: 'write_through',
  ttl_seconds: 7200,
  max_size_mb: 50,
  compression_enabled: true,
  is_active: true,
  priority: 1,
})

export function controlSuite(where: () => string): void {
  let opened: Opened
  let next = 0
  const fresh = (): string => `cache_${next++}`
  const make = async (name = fresh()) =>
    (await opened.call('POST', 'configurations/', { as: 'admin', body: plain(name) })).json

  beforeAll(async () => {
    opened = await open(where())
  })
  afterAll(() => opened?.close())

  describe('who may access the API', () => {
    it('is refused without a credential, with a wrong one, or with one in another form', async () => {
      for (const headers of [
        {},
        { Authorization: 'Bearer wrong' },
        { Authorization: `Basic ${tokenOf('admin')}` },
        { Authorization: '' },
      ]) {
        const {
          status,
          json,
          headers: answer,
        } = await opened.call('GET', 'configurations/', { headers: { ...headers } })
        expect([status, json.code, answer.get('content-type')]).toEqual([
          401,
          'unauthorized',
          'application/problem+json',
        ])
        expect(answer.get('www-authenticate')).toContain('Bearer')
      }
    })

    it('is shown what it may do, with its own limits', async () => {
      const { json } = await opened.call('GET', 'session/', { as: 'operator' })
      expect(json).toMatchObject({ name: 'operator', role: 'operator', namespaces: null })
      expect(json.scopes).toContain('invalidate')
      expect(json.scopes).not.toContain('config:write')
    })

    it('is refused once its token has expired or was revoked, or its user was disabled', async () => {
      const user = (await opened.call('POST', 'users/', { as: 'admin', body: { name: fresh(), role: 'viewer' } })).json
      const first = (await opened.call('POST', 'tokens/', { as: 'admin', body: { name: 'ci', user_id: user.id } })).json
      const brief = (
        await opened.call('POST', 'tokens/', {
          as: 'admin',
          body: { name: 'brief', user_id: user.id, expires_in_days: 1e-9 },
        })
      ).json
      const second = (await opened.call('POST', 'tokens/', { as: 'admin', body: { name: 'ci2', user_id: user.id } }))
        .json
      const status = async (token: string) => (await opened.call('GET', 'session/', { token })).status
      expect(await status(first.token)).toBe(200)
      expect(await status(brief.token)).toBe(401)
      await opened.call('DELETE', `tokens/${first.id}/`, { as: 'admin' })
      expect(await status(first.token)).toBe(401)
      expect(await status(second.token)).toBe(200)
      await opened.call('DELETE', `users/${user.id}`, { as: 'admin' })
      expect(await status(second.token)).toBe(401)
    })

    it('has no more with a token than its role and the token permit', async () => {
      const made = await opened.call('POST', 'tokens/', {
        as: 'admin',
        body: { name: 'narrow', scopes: ['metrics:read'] },
      })
      expect((await opened.call('GET', 'session/', { token: made.json.token })).json.scopes).toEqual(['metrics:read'])
      expect((await opened.call('GET', 'configurations/', { token: made.json.token })).status).toBe(403)
      const rows = await opened.store.read.selectFrom('tokens').selectAll().execute()
      expect(JSON.stringify(rows)).not.toContain(made.json.token)
    })

    it('sees and changes nothing beyond the namespaces that it is limited to', async () => {
      const foreign = await make()
      expect((await opened.call('GET', `configurations/${foreign.id}/`, { as: 'limited' })).status).toBe(404)
      expect((await opened.call('PUT', `configurations/${foreign.id}/`, { as: 'limited', body: foreign })).status).toBe(
        404,
      )
      expect((await opened.call('POST', 'configurations/', { as: 'limited', body: plain('yours') })).status).toBe(403)
      expect((await opened.call('POST', 'configurations/', { as: 'limited', body: plain('mine') })).status).toBe(201)
      const { json } = await opened.call('GET', 'configurations/?limit=200', { as: 'limited' })
      expect(json.data.map((one: { name: string }) => one.name)).toEqual(['mine'])
    })
  })

  describe('configurations', () => {
    it('are created, read, replaced, listed and deleted, with and without the trailing slash', async () => {
      const made = await opened.call('POST', 'configurations', { as: 'admin', body: plain(fresh()) })
      expect(made.status).toBe(201)
      const { id } = made.json
      const read = await opened.call('GET', `configurations/${id}`, { as: 'viewer' })
      expect(read.json).toEqual(made.json)
      const put = await opened.call('PUT', `configurations/${id}/`, {
        as: 'editor',
        body: { ...read.json, ttl_seconds: 60 },
      })
      expect(put.json).toMatchObject({ id, ttl_seconds: 60, version: 2 })
      expect((await opened.call('DELETE', `configurations/${id}/`, { as: 'editor' })).status).toBe(204)
      expect((await opened.call('GET', `configurations/${id}/`, { as: 'editor' })).status).toBe(404)
    })

    it('accept only documented bodies, and name each fault', async () => {
      const { status, json } = await opened.call('POST', 'configurations/', {
        as: 'admin',
        body: { name: '=cmd()', ttl_seconds: -5, ttl: 3, cache_type: 'disk' },
      })
      expect(status).toBe(422)
      expect(json.errors.map((error: { pointer: string }) => error.pointer).sort()).toEqual([
        '/cache_type',
        '/name',
        '/ttl',
        '/ttl_seconds',
      ])
      expect(
        (await opened.call('POST', 'configurations/', { as: 'admin', text: '{', headers: JSON_TYPE })).status,
      ).toBe(400)
      expect(
        (
          await opened.call('POST', 'configurations/', {
            as: 'admin',
            text: `"${'x'.repeat(1_100_000)}"`,
            headers: JSON_TYPE,
          })
        ).status,
      ).toBe(413)
      const form = await opened.call('POST', 'configurations/', {
        as: 'admin',
        text: 'a=1',
        headers: { 'Content-Type': 'text/plain' },
      })
      expect(form.status).toBe(415)
      expect((await opened.call('GET', 'configurations/?limt=1', { as: 'admin' })).status).toBe(422)
    })

    it('are not overwritten by a caller who has read an earlier version', async () => {
      const made = await make()
      const put = (tag: string) =>
        opened.call('PUT', `configurations/${made.id}/`, {
          as: 'admin',
          body: plain(made.name),
          headers: { 'If-Match': tag },
        })
      expect((await put('"v1"')).status).toBe(200)
      expect(await put('"v1"')).toMatchObject({ status: 412, json: { code: 'version_mismatch', version: 2 } })
      expect((await put('garbage')).status).toBe(412)
    })

    it('have unique names, even if two are created at once', async () => {
      const name = fresh()
      const both = await Promise.all(
        [1, 2].map(() => opened.call('POST', 'configurations/', { as: 'admin', body: plain(name) })),
      )
      expect(both.map(({ status }) => status).sort()).toEqual([201, 409])
    })

    it('show what a change would do, and change nothing, with dry_run', async () => {
      const made = await make()
      const body = { ...plain(made.name), ttl_seconds: 5 }
      const { json } = await opened.call('PUT', `configurations/${made.id}/?dry_run=true`, { as: 'admin', body })
      expect(json.plan).toEqual({ dry_run: true, changes: { ttl_seconds: { from: 7200, to: 5 } }, effects: [] })
      expect((await opened.call('GET', `configurations/${made.id}/`, { as: 'admin' })).json).toEqual(made)
      const audit = await opened.call('GET', 'audit/?action=configuration.update&limit=1', { as: 'admin' })
      expect(audit.json.data[0]).toMatchObject({ kind: 'plan', target: made.name })
    })

    it('keep every version, and restore one as a new one', async () => {
      const made = await make()
      await opened.call('PUT', `configurations/${made.id}/`, {
        as: 'admin',
        body: { ...plain(made.name), ttl_seconds: 5 },
      })
      const back = await opened.call('POST', `configurations/${made.id}/rollback/`, {
        as: 'admin',
        body: { version: 1 },
      })
      expect(back.json).toMatchObject({ version: 3, ttl_seconds: 7200 })
      const versions = await opened.call('GET', `configurations/${made.id}/versions/`, { as: 'viewer' })
      expect(versions.json.data.map((one: { version: number }) => one.version)).toEqual([3, 2, 1])
      expect(
        (await opened.call('POST', `configurations/${made.id}/rollback/`, { as: 'admin', body: { version: 9 } }))
          .status,
      ).toBe(404)
    })

    it('are listed page by page, each once, while others are added', async () => {
      for (let at = 0; at < 5; at++) await make()
      const seen: string[] = []
      let cursor = ''
      do {
        const { json } = await opened.call('GET', `configurations/?limit=2${cursor}`, { as: 'admin' })
        seen.push(...json.data.map((one: { id: string }) => one.id))
        cursor = json.has_more ? `&cursor=${json.next_cursor}` : ''
        if (seen.length === 2) await make()
      } while (cursor !== '')
      expect(new Set(seen).size).toBe(seen.length)
      const { json } = await opened.call('GET', 'configurations/?limit=200', { as: 'admin' })
      expect(seen).toEqual(json.data.map((one: { id: string }) => one.id))
      const audit = await opened.call('GET', 'audit/?limit=1', { as: 'admin' })
      expect(
        (await opened.call('GET', `configurations/?cursor=${audit.json.next_cursor}`, { as: 'admin' })).status,
      ).toBe(400)
    })
  })

  describe('a POST with an Idempotency-Key', () => {
    const post = (key: string, body: unknown) =>
      opened.call('POST', 'configurations/', { as: 'admin', body, headers: { 'Idempotency-Key': key } })

    it('takes effect once, and is answered twice', async () => {
      const body = plain(fresh())
      const first = await post('once-1', body)
      const again = await post('once-1', body)
      expect(again.json).toEqual(first.json)
      expect([first.headers.get('idempotency-replayed'), again.headers.get('idempotency-replayed')]).toEqual([
        null,
        'true',
      ])
    })

    it('takes effect once if it is sent ten times at once', async () => {
      const body = plain(fresh())
      const all = await Promise.all(Array.from({ length: 10 }, () => post('burst-1', body)))
      expect(
        all.filter(({ status, headers }) => status === 201 && headers.get('idempotency-replayed') === null),
      ).toHaveLength(1)
      expect(new Set(all.map(({ status }) => status)).has(409) || all.every(({ status }) => status === 201)).toBe(true)
    })

    it('is refused with another body, and may be retried after a refusal', async () => {
      const name = fresh()
      expect((await post('other-1', plain(name))).status).toBe(201)
      expect((await post('other-1', plain(fresh()))).json.code).toBe('idempotency_key_reused')
      const taken = plain(name)
      expect((await post('again-1', taken)).status).toBe(409)
      expect((await post('again-1', plain(fresh()))).status).toBe(201)
    })

    it('of a dry run differs from that of the run', async () => {
      const body = plain(fresh())
      const key = { 'Idempotency-Key': 'dry-1' }
      expect(
        (await opened.call('POST', 'configurations/?dry_run=true', { as: 'admin', body, headers: key })).status,
      ).toBe(200)
      expect((await opened.call('POST', 'configurations/', { as: 'admin', body, headers: key })).json.code).toBe(
        'idempotency_key_reused',
      )
    })

    it('whose answer holds a secret stores it nowhere, and tells the second call so', async () => {
      const make = () =>
        opened.call('POST', 'tokens/', {
          as: 'admin',
          body: { name: 'once' },
          headers: { 'Idempotency-Key': 'secret-1' },
        })
      const { token } = (await make()).json
      expect(await make()).toMatchObject({ status: 409, json: { code: 'shown_once' } })
      const cookie = await opened.call('POST', 'session/', {
        token,
        body: {},
        headers: { 'Idempotency-Key': 'secret-2' },
      })
      const kept = JSON.stringify(await opened.store.read.selectFrom('idempotency').selectAll().execute())
      expect(kept).not.toContain(token)
      expect(kept).not.toContain(/=([\w-]{43});/.exec(cookie.headers.get('set-cookie') ?? '')?.[1])
    })

    it('is not repeated if its first call died', async () => {
      const body = plain(fresh())
      await post('dead-1', body)
      await opened.store.read
        .updateTable('idempotency')
        .set({ state: 'running', lease_until: 1 })
        .where('key', '=', 'dead-1')
        .execute()
      expect((await post('dead-1', body)).json.code).toBe('interrupted')
    })
  })

  describe('the audit', () => {
    it('records who did what, without secrets, and its export contains nothing that runs', async () => {
      const user = { name: fresh(), role: 'viewer' }
      await opened.call('POST', 'users/', { as: 'admin', body: user, headers: { 'X-Request-Id': 'my-request-1' } })
      const { json } = await opened.call('GET', 'audit/?limit=1', { as: 'auditor' })
      expect(json.data[0]).toMatchObject({
        action: 'user.create',
        target: user.name,
        actor: 'admin',
        outcome: 'ok',
        request_id: 'my-request-1',
      })
      await opened.store.write(async (tx) => {
        const { appendAudit } = await import('../src/audit/audit.ts')
        const caller = { actor: '=HYPERLINK("http://x")', via: '-1+1', requestId: '@x' }
        return appendAudit(opened.store, tx, {
          ...caller,
          kind: 'change',
          action: 'a,b',
          target: 'line\r\nbreak "quoted"',
        })
      })
      const csv = (await opened.call('GET', 'audit/?format=csv', { as: 'auditor' })).text
      expect(csv.split('\r\n')[1]).toContain(`"'=HYPERLINK(""http://x"")",'-1+1`)
      expect(csv).toContain('"line\r\nbreak ""quoted"""')
      const lines = (await opened.call('GET', 'audit/?format=ndjson', { as: 'auditor' })).text.trim().split('\n')
      expect(lines.map((line) => JSON.parse(line).seq)).toEqual(lines.map((_, at) => lines.length - at))
    })

    it('stays intact with names that cannot be stored, which are refused from people', async () => {
      for (const [method, path, body, pointer] of [
        ['POST', 'warming/', { name: 'a\ud800', keys: ['k'] }, '/name'],
        ['POST', 'events/markers/', { message: 'a\0b' }, '/message'],
        ['POST', 'invalidations/plan/', { keys: ['a\0b'], reason: '\udfff' }, '/reason'],
        ['GET', 'audit/?actor=%00', undefined, '?actor'],
      ] as const) {
        const { status, json } = await opened.call(method, path, { as: 'admin', ...(body !== undefined && { body }) })
        expect([status, json.errors], path).toMatchObject([422, [{ pointer, code: 'characters' }]])
      }
      expect((await opened.call('GET', 'configurations/%00/', { as: 'admin' })).status).toBe(404)
      await opened.plane.record({
        actor: 'ana \ud83d',
        action: 'import\0',
        target: '\udfff',
        detail: { key: '\ud800' },
      })
      expect(await verifyAudit(opened.store)).toMatchObject({ ok: true })
    })

    it('stays intact with many concurrent writers', async () => {
      await Promise.all(Array.from({ length: 40 }, () => make()))
      expect(await verifyAudit(opened.store)).toMatchObject({ ok: true })
      expect((await opened.call('GET', 'audit/verify/', { as: 'auditor' })).json.ok).toBe(true)
    })

    it('detects every changed, missing, moved or inserted row, and a cut after a checkpoint', async () => {
      const { last, rows } = await verifyAudit(opened.store)
      const one = await opened.store.read.selectFrom('audit').selectAll().orderBy('seq').execute()
      const columns = [
        'id',
        'at',
        'kind',
        'actor',
        'via',
        'action',
        'target',
        'detail',
        'outcome',
        'request_id',
        'previous',
        'hash',
      ] as const
      const after = new Error('undo')
      const tampered = async (
        change: (tx: Parameters<Parameters<Opened['store']['write']>[0]>[0]) => Promise<unknown>,
      ) => {
        let found: boolean | undefined
        await opened.store
          .write(async (tx) => {
            await change(tx)
            found = (await verifyAudit({ ...opened.store, read: tx }, last)).ok
            throw after
          })
          .catch((error: unknown) => {
            if (error !== after) throw error
          })
        return found
      }
      for (let turn = 0; turn < 60; turn++) {
        const seq = Number(one[(turn * 7919) % one.length]?.seq)
        const column = columns[turn % columns.length] ?? 'at'
        const value = column === 'at' ? 1 : `forged ${turn}`
        expect(
          await tampered((tx) =>
            tx
              .updateTable('audit')
              .set({ [column]: value })
              .where('seq', '=', seq)
              .execute(),
          ),
          `${column} of ${seq}`,
        ).toBe(false)
        expect(
          await tampered((tx) => tx.deleteFrom('audit').where('seq', '=', seq).execute()),
          `row ${seq} removed`,
        ).toBe(false)
      }
      const cut = await tampered(async (tx) => {
        await tx.deleteFrom('audit').where('seq', '=', rows).execute()
        const end = await tx
          .selectFrom('audit')
          .select(['seq', 'hash'])
          .orderBy('seq', 'desc')
          .limit(1)
          .executeTakeFirstOrThrow()
        await tx.updateTable('audit_head').set(end).execute()
      })
      expect(cut).toBe(false)
      expect(await tampered((tx) => sql`update audit set seq = -seq where seq = 2`.execute(tx))).toBe(false)
      expect(await verifyAudit(opened.store, last)).toMatchObject({ ok: true })
    })
  })

  describe('the API', () => {
    it('describes every route, and answers as documented', async () => {
      const { json } = await opened.call('GET', 'openapi.json', { as: 'viewer' })
      expect(json.openapi).toBe('3.1.0')
      const described = Object.entries<Record<string, unknown>>(json.paths).flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
      )
      expect(described.sort()).toEqual(
        opened.plane.routes.map(({ method, path, base = '/api/admin/caching' }) => `${method} ${base}/${path}`).sort(),
      )
    })

    it('says what a path supports for another method, and reveals nothing about unknown paths', async () => {
      expect((await opened.call('PATCH', 'configurations/', { as: 'admin' })).headers.get('allow')).toBe(
        'GET, HEAD, POST',
      )
      for (const path of [
        'nothing/',
        'configurations/a/b/c/',
        '../../etc/passwd',
        'configurations//',
        'configurations/%2e%2e/',
      ])
        expect((await opened.call('GET', path, { as: 'admin' })).status, path).toBe(404)
    })

    it('limits only the caller that sends too many requests', async () => {
      const strict = await open(':memory:', { rates: { read: { perMinute: 60, burst: 3 } } })
      const statuses = []
      for (let at = 0; at < 4; at++) statuses.push((await strict.call('GET', 'session/', { as: 'viewer' })).status)
      expect(statuses).toEqual([200, 200, 200, 429])
      expect((await strict.call('GET', 'session/', { as: 'viewer' })).headers.get('retry-after')).toBe('1')
      expect((await strict.call('GET', 'session/', { as: 'admin' })).status).toBe(200)
      await strict.close()
    })

    it('counts each kind of scan by itself, so that one does not use up the calls of another', async () => {
      const strict = await open(':memory:', { rates: { scan: { perMinute: 2, burst: 2 } } })
      const scans = ['audit/verify/', 'compliance/']
      for (const path of scans) {
        const statuses = []
        for (let at = 0; at < 3; at++) statuses.push((await strict.call('GET', path, { as: 'admin' })).status)
        expect(statuses, path).toEqual([200, 200, 429])
      }
      await strict.close()
    })

    it('names no place of a fault that concerns the whole body', async () => {
      const response = await opened.call('POST', 'invalidations/invalidate_keys/', { as: 'admin', body: {} })
      expect(response.json.detail).toBe('name keys, tags, a pattern, a model or urls')
    })
  })
}

// A repeated POST takes effect once: `Idempotency-Key` with the principal and the route names one row, which holds the
// answer for 24 hours.
//
// The row is taken before the work, under a lease that its holder renews. If the holder dies, the state of the work is
// unknown: the row then stays `interrupted`, and the work is not repeated.
import { createHash } from 'node:crypto'
import type { Store } from '../store/store.ts'
import { Problem } from './problem.ts'
import type { Reply } from './route.ts'

const LEASE_MS = 30_000
const RENEW_MS = 10_000
const KEEP_MS = 24 * 3_600_000
/** Stored in place of a status: the answer held a secret. */
const SHOWN_ONCE = 0
const FORM = /^[\x21-\x7e]{1,255}$/

interface Named {
  readonly principal: string
  readonly route: string
  readonly key: string
  /** The answer is not stored: a second call is told that the work was done. */
  readonly answersSecret: boolean
}

/**
 * @throws Problem 422 for another body under the same key, 409 while the first call runs, or when it was interrupted.
 */
export async function once(store: Store, named: Named, body: string, work: () => Promise<Reply>): Promise<Reply> {
  if (!FORM.test(named.key))
    throw new Problem(
      400,
      'idempotency_key_invalid',
      'Idempotency-Key: give 1 to 255 visible ASCII characters, a UUID for example',
    )
  const bodyHash = createHash('sha256').update(body).digest('hex')
  const earlier = await take(store, named, bodyHash)
  if (earlier !== undefined) return earlier
  // A lease that is lost shows as interrupted.
  const renewing = setInterval(() => void renew(store, named).catch(() => {}), RENEW_MS)
  renewing.unref()
  try {
    const reply = await work()
    await note(store, named, 'done', named.answersSecret ? { status: SHOWN_ONCE } : reply)
    return reply
  } catch (error) {
    // A refusal changed nothing: the same key may be used again.
    if (error instanceof Problem && error.status < 500) await row(store, named).execute()
    else await note(store, named, 'interrupted', undefined)
    throw error
  } finally {
    clearInterval(renewing)
  }
}

const row = (store: Store, { principal, route, key }: Named) =>
  store.read
    .deleteFrom('idempotency')
    .where('principal', '=', principal)
    .where('route', '=', route)
    .where('key', '=', key)

const update = (store: Store, { principal, route, key }: Named) =>
  store.read
    .updateTable('idempotency')
    .where('principal', '=', principal)
    .where('route', '=', route)
    .where('key', '=', key)

async function take(store: Store, named: Named, bodyHash: string): Promise<Reply | undefined> {
  return store.write(async (tx) => {
    const now = await store.now(tx)
    await tx
      .deleteFrom('idempotency')
      .where('created_at', '<', now - KEEP_MS)
      .execute()
    const { numInsertedOrUpdatedRows: inserted } = await tx
      .insertInto('idempotency')
      .values({
        principal: named.principal,
        route: named.route,
        key: named.key,
        body_hash: bodyHash,
        state: 'running',
        lease_until: now + LEASE_MS,
        status: null,
        headers: null,
        body: null,
        created_at: now,
      })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst()
    if (inserted === 1n) return undefined
    const held = await tx
      .selectFrom('idempotency')
      .selectAll()
      .where('principal', '=', named.principal)
      .where('route', '=', named.route)
      .where('key', '=', named.key)
      .executeTakeFirstOrThrow()
    if (held.body_hash !== bodyHash)
      throw new Problem(
        422,
        'idempotency_key_reused',
        'this Idempotency-Key was used with a different body: use a new one',
      )
    if (held.state === 'done' && held.status === SHOWN_ONCE)
      throw new Problem(
        409,
        'shown_once',
        'the first call succeeded, and its secret is shown only once: create another one with a new key',
      )
    if (held.state === 'done' && held.status !== null) {
      const headers: Record<string, string> = { ...JSON.parse(held.headers ?? '{}'), 'Idempotency-Replayed': 'true' }
      return { status: held.status, headers, ...(held.body === null ? {} : { body: JSON.parse(held.body) }) }
    }
    if (held.state === 'running' && held.lease_until > now)
      throw new Problem(409, 'in_flight', 'the first call with this Idempotency-Key is still in progress', {
        headers: { 'Retry-After': '1' },
      })
    throw new Problem(
      409,
      'interrupted',
      'the first call with this Idempotency-Key was interrupted: check what it has done, then use a new key',
    )
  })
}

async function renew(store: Store, named: Named): Promise<void> {
  await update(store, named)
    .set({ lease_until: (await store.now()) + LEASE_MS })
    .execute()
}

async function note(
  store: Store,
  named: Named,
  state: 'done' | 'interrupted',
  reply: Reply | undefined,
): Promise<void> {
  await update(store, named)
    .set({
      state,
      status: reply?.status ?? null,
      headers: reply?.headers === undefined ? null : JSON.stringify(reply.headers),
      body: reply?.body === undefined ? null : JSON.stringify(reply.body),
    })
    .execute()
}

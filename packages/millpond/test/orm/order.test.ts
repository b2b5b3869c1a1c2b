// Statements of one connection that are sent without waiting: `pg` carries them out in the order in which they were
// sent, and so must it be with a cache in front. Tenants are told apart by a setting of the connection.
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { type Cache, createCache, memory } from '../../src/index.ts'
import { type PgCache, pgCache } from '../../src/orm/pg.ts'
import { postgres } from '../../src/tiers/postgres/index.ts'
import { describeWith, PATIENCE, patient } from '../services/index.ts'
import { openPostgres, type PostgresDatabase } from './databases.ts'

const TTL = { ttl: '1m' } as const
const READ = "SELECT name FROM owned WHERE tenant = current_setting('app.tenant', true) ORDER BY name"

describeWith('postgres', 'statements that are not waited for', () => {
  describe.each(['memory', 'memory and PostgreSQL'])('with a cache in %s', (where) => order(where !== 'memory'))
})

let caches = 0

function order(isShared: boolean): void {
  let database: PostgresDatabase
  let cache: Cache
  let orm: PgCache
  beforeAll(async () => {
    database = await openPostgres()
    await database.behind('CREATE TABLE owned (tenant text, name text)')
    await database.behind("INSERT INTO owned VALUES ('a', 'of a'), ('b', 'of b')")
  })
  afterAll(() => database.close())
  beforeEach(() => {
    cache = createCache({
      name: `order_${++caches}`,
      tiers: isShared ? [memory(), patient(postgres({ url: database.url, ...PATIENCE }))] : [memory()],
    })
    orm = pgCache({ cache })
    onTestFinished(() => cache.close())
  })

  async function connect(tenant?: string): Promise<pg.Client> {
    const client = new (orm.module(pg).Client)({ connectionString: database.url })
    await client.connect()
    onTestFinished(() => client.end())
    if (tenant !== undefined) await client.query(`SET app.tenant = '${tenant}'`)
    return client
  }

  const read = (client: pg.Client): Promise<unknown> =>
    orm.cached(TTL, async () => (await client.query<{ name: string }>(READ)).rows.map(({ name }) => name))

  it.each([
    ["SET app.tenant = 'b'"],
    ["SET SESSION app.tenant TO 'b'"],
    ["SELECT set_config('app.tenant', 'b', false)"],
    ["SET app.tenant = 'b'; SELECT 1"],
    ["BEGIN; SET LOCAL app.tenant = 'b'"],
    ['RESET app.tenant'],
    ['DISCARD ALL'],
  ])('a read is not overtaken by %s', async (change) => {
    const client = await connect('a')
    const before = read(client)
    const changed = client.query(change)
    expect(await before).toEqual(['of a'])
    await changed
    expect(await read(await connect('a'))).toEqual(['of a'])
  })

  it('reads and settings in a row are each answered by the setting before them', async () => {
    const client = await connect()
    const asked: Promise<unknown>[] = []
    for (let round = 0; round < 20; round++)
      for (const tenant of ['a', 'b']) {
        void client.query(`SET app.tenant = '${tenant}'`)
        asked.push(read(client), read(client))
      }
    const answers = await Promise.all(asked)
    expect(answers).toEqual(answers.map((_, at) => [at % 4 < 2 ? 'of a' : 'of b']))
    expect(cache.stats().misses).toBe(2)
  })

  it('a read is not overtaken by a transaction, nor by what it sets', async () => {
    const client = await connect('a')
    const before = read(client)
    const rest = [client.query('BEGIN'), client.query("SET LOCAL app.tenant = 'b'")]
    const within = read(client)
    rest.push(client.query('COMMIT'))
    const after = read(client)
    expect(await Promise.all([before, within, after])).toEqual([['of a'], ['of b'], ['of a']])
    await Promise.all(rest)
  })

  it.each([
    ["SET app.tenant = 'b'; SELECT 1 / 0", /division by zero/],
    ["SELECT set_config('app.tenant', 'b', false), 1 / 0", /division by zero/],
    ["SET app.tenant = 'b'; SET TIME ZONE 'Nowhere/Nothing'", /Nothing/],
  ])('a read after %s, which fails, is answered by the setting that is left', async (change, error) => {
    const [client, other] = [await connect('a'), await connect('b')]
    for (let round = 0; round < 2; round++) {
      const changed = client.query(change).catch((reason: unknown) => reason)
      expect(await read(client)).toEqual(['of a'])
      expect(String(await changed)).toMatch(error)
      expect(await read(other)).toEqual(['of b'])
    }
  })

  it('what is sent after a waiting statement waits as well', async () => {
    const client = await connect('a')
    const before = read(client)
    void client.query("SET app.tenant = 'b'")
    void client.query("INSERT INTO owned VALUES (current_setting('app.tenant'), 'of b, new')")
    expect(await before).toEqual(['of a'])
    expect(await read(client)).toEqual(['of b', 'of b, new'])
    await client.query("DELETE FROM owned WHERE name = 'of b, new'")
  })

  it('callbacks are called in the order in which the statements were sent', async () => {
    const client = await connect('a')
    const order: string[] = []
    const called = (name: string) => () => void order.push(name)
    await orm.cached(TTL, async () => {
      client.query(READ, called('read'))
      client.query("SET app.tenant = 'b'", called('set'))
      client.query('SELECT 1', called('other'))
      await client.query('SELECT count(*) FROM owned')
    })
    expect(order.slice(0, 2)).toEqual(['read', 'set'])
  })

  it('a cursor keeps its place, too', async () => {
    const client = await connect('a')
    const before = read(client)
    const changed = client.query("SET app.tenant = 'b'")
    const names = new Promise((resolve, reject) => {
      const rows: unknown[] = []
      const query = client.query(new pg.Query<{ name: string }>(READ))
      query.on('row', ({ name }) => rows.push(name))
      query.on('error', reject)
      query.on('end', () => resolve(rows))
    })
    expect(await Promise.all([before, names])).toEqual([['of a'], ['of b']])
    await changed
  })

  it('a prepared statement that is only named answers its caller, wherever it stands', async () => {
    const client = await connect('a')
    await client.query({ name: 'own', text: READ })
    const named = async (): Promise<unknown> => (await client.query({ name: 'own' } as pg.QueryConfig)).rows
    const before = read(client)
    const changed = client.query("SET app.tenant = 'b'")
    expect(await Promise.all([before, named()])).toEqual([['of a'], [{ name: 'of b' }]])
    await changed
    const again = read(client)
    await expect((async () => client.query(undefined as never))()).rejects.toThrow('query')
    expect(await again).toEqual(['of b'])
  })

  it('what a prepared statement writes and reads is known by its name alone', async () => {
    const client = await connect('a')
    const named = (values: unknown[]) => client.query({ name: 'add', values } as unknown as pg.QueryConfig)
    await client.query({ name: 'add', text: 'INSERT INTO owned VALUES ($1, $2)', values: ['c', 'first of c'] })
    await client.query({ name: 'own', text: READ })
    expect(await read(client)).toEqual(['of a'])
    await named(['a', 'second of a'])
    expect(await read(client)).toEqual(['of a', 'second of a'])
    const own = (query: object) => orm.cached(TTL, () => client.query(query as pg.QueryConfig))
    expect((await own({ name: 'own', text: READ })).rows).toHaveLength(2)
    const { misses } = cache.stats()
    expect((await own({ name: 'own' })).rows).toHaveLength(2)
    expect(cache.stats().misses).toBe(misses)
    await client.query("DELETE FROM owned WHERE name LIKE '% of %'")
  })

  it.each(["SET app.tenant = 'b'", "BEGIN; SET LOCAL app.tenant = 'b'"])(
    'no other client gets what one reads after a query object with %s',
    async (sql) => {
      const client = await connect('a')
      await new Promise<void>((resolve, reject) => {
        const query = client.query(new pg.Query(sql))
        query.on('error', reject)
        query.on('end', () => resolve())
      })
      expect(await read(client)).toEqual(['of b'])
      expect(await read(await connect('a'))).toEqual(['of a'])
    },
  )

  it('nothing waits for a read that its caller has given up', async () => {
    const client = await connect('a')
    const holder = await database.pool.connect()
    await holder.query('BEGIN; LOCK TABLE owned')
    const given = new AbortController()
    const before = orm.cached({ ...TTL, signal: given.signal }, () => client.query(READ))
    const changed = client.query("SET app.tenant = 'b'")
    given.abort(new Error('given up'))
    await expect(before).rejects.toThrow('the caller gave up waiting')
    await holder.query('ROLLBACK')
    holder.release()
    await changed
    expect(await read(client)).toEqual(['of b'])
  })
}

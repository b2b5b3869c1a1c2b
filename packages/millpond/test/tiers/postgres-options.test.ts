// What postgres() accepts, and how it refuses the rest.
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { MillpondError } from '../../src/core/errors.ts'
import { type PostgresTierOptions, postgres, postgresGrants, postgresSchema } from '../../src/tiers/postgres/index.ts'

const URL_HERE = 'postgres://127.0.0.1:1/db'

function refusal(make: () => unknown): MillpondError {
  try {
    make()
  } catch (error) {
    if (error instanceof MillpondError) return error
    throw error
  }
  throw new Error('it was accepted')
}

describe('a malformed URL throws where it stands, shows itself without its secrets, and says how one looks', () => {
  test.each([
    [''],
    ['localhost'],
    ['localhost:5432/db'],
    ['//localhost/db'],
    ['http://user:secret@localhost/db'],
    ['mysql://user:secret@localhost/db?password=secret'],
    ['postgres://user:secret@local host/db'],
    ['postgres://user:secret@localhost:port/db?sslpassword=secret'],
    ['postgres//user:secret@localhost/db'],
  ])('%j', (url) => {
    const error = refusal(() => postgres({ url }))
    expect(error.code).toBe('OPTION_INVALID')
    expect(error.message).toMatch(/^\[millpond\] postgres url: ".*postgres:\/\/user:password@host:5432\/database$/)
    expect(error.message).not.toMatch(/secret/)
  })

  test.each([
    ['postgres://localhost'],
    ['postgresql://user:p%40ss@[::1]:5433/shop?application_name=shop'],
    ['postgres:///shop?host=/run/postgresql'],
  ])('%j is accepted', async (url) => {
    await postgres({ url }).close()
  })
})

describe('other options', () => {
  const wrong = (options: unknown): MillpondError => refusal(() => postgres(options as PostgresTierOptions))

  test.each([
    [{}, /no server is given: give url/],
    [{ url: URL_HERE, pool: new pg.Pool() }, /pool: is given together with url/],
    [{ pool: 7 }, /pool: a number is not a pg pool/],
    [{ pool: { query() {} } }, /pool: a object is not a pg pool/],
    [{ pool: new pg.Pool(), poolSize: 3 }, /poolSize: is given together with pool/],
    [{ pool: new pg.Pool(), tls: true }, /tls: is given together with pool/],
    [{ url: URL_HERE, tls: 'yes' }, /tls: "yes"/],
    [{ url: URL_HERE, poolSize: 0 }, /poolSize: 0 .* from 1 to 100/],
    [{ url: URL_HERE, poolSize: 1.5 }, /poolSize: 1.5/],
    [{ url: URL_HERE, schema: '' }, /schema: ""/],
    [{ url: URL_HERE, schema: 'pg_cache' }, /schema: "pg_cache"/],
    [{ url: URL_HERE, schema: 'a"b' }, /schema: .* use up to 41 lower-case letters/],
    [{ url: URL_HERE, schema: 'x'.repeat(42) }, /schema/],
    [{ url: URL_HERE, unlogged: 1 }, /unlogged: 1 is not allowed: give true or false/],
    [{ url: URL_HERE, install: 'no' }, /install: "no"/],
    [{ url: URL_HERE, notify: 'yes' }, /notify: "yes"/],
    [{ url: URL_HERE, prepare: 0 }, /prepare: 0/],
    [{ url: URL_HERE, commandTimeout: 0 }, /commandTimeout: 0 .* 1 ms to 1 h/],
    [{ url: URL_HERE, connectTimeout: Number.POSITIVE_INFINITY }, /connectTimeout: Infinity/],
    [{ url: URL_HERE, sweepEvery: 1 }, /sweepEvery: 1 .* 10 ms to 24 h/],
    [{ url: URL_HERE, retain: { targets: 0 } }, /retain.targets: 0/],
    [{ url: URL_HERE, host: 'localhost' }, /host/],
  ])('%j', (options, message) => {
    const error = wrong(options)
    expect(error.code).toBe('OPTION_INVALID')
    expect(error.message).toMatch(message)
  })

  test('durations keep their own code', () => {
    expect(wrong({ url: URL_HERE, commandTimeout: 'soon' }).code).toBe('DURATION_INVALID')
    expect(wrong({ url: URL_HERE, sweepEvery: -1 }).code).toBe('DURATION_INVALID')
  })

  test('the SQL for owners takes names and nothing else', () => {
    expect(refusal(() => postgresSchema({ schema: 'x; DROP TABLE y' })).code).toBe('OPTION_INVALID')
    expect(refusal(() => postgresGrants({ role: '' })).code).toBe('OPTION_INVALID')
    expect(postgresGrants({ role: 'a"b' })).toContain('TO "a""b";')
  })
})

// What statements read and write, as far as their text tells: over-detection is allowed, a table that is missed is not.
import { describe, expect, it } from 'vitest'
import { rowId } from '../../src/orm/statements/row-ids.ts'
import { readStatement } from '../../src/orm/statements/statement.ts'

const read = (sql: string, dialect: 'postgres' | 'sqlite' = 'postgres') =>
  readStatement(sql, dialect, dialect === 'postgres' ? 'public' : 'main')
const reads = (sql: string, dialect?: 'postgres' | 'sqlite') => read(sql, dialect).reads
const writes = (sql: string, dialect?: 'postgres' | 'sqlite') =>
  read(sql, dialect).writes.map(({ table, kind }) => `${kind} ${table}`)
const columns = (sql: string) => [...(read(sql).conditions?.keys() ?? [])]

describe('tables that are read', () => {
  it.each([
    ['select * from users', ['users']],
    [
      'SELECT "User"."id" FROM "User" "User" LEFT JOIN "Post" p ON p.user_id = "User".id, tags t',
      ['user', 'post', 'tags'],
    ],
    [
      'select * from a join b using (id) cross join c natural left outer join d inner join lateral (select * from e) x on true',
      ['a', 'b', 'c', 'd', 'e'],
    ],
    ['select * from public.users, shop.orders o, only parts *', ['users', 'shop.orders', 'parts']],
    [
      'select * from ((a join b on a.x = b.x) join c on true) where a.id in (select id from d, e where exists (select 1 from f))',
      ['a', 'b', 'c', 'd', 'e', 'f'],
    ],
    ['select (select count(*) from posts p where p.author = u.id) from users u', ['posts', 'users']],
    ['select * from a where x is distinct from y union all select * from b except select 1 from c', ['a', 'b', 'c']],
    [
      "select 'from fake', $$ from fake $$, E'\\' from fake' from \"real\" -- from fake\n /* from /* nested */ fake */",
      ['real'],
    ],
    ['select * from generate_series(1, 3) g, jsonb_array_elements($1) j, users', ['users']],
    ['table users', ['users']],
    ['select id from users order by (select max(n) from ranks), 2', ['users', 'ranks']],
    ['select "a""b" from "we""ird".ta$ble', ['we"ird.ta$ble']],
    ["select * from users where data @> $1 and tags ? 'x' and n::text = $2", ['users']],
  ])('%s', (sql, tables) => {
    const statement = read(sql)
    expect([statement.kind, statement.isOpaque]).toEqual(['read', false])
    for (const table of tables) expect(statement.reads).toContain(table)
    expect(statement.reads.join()).not.toContain('fake')
  })

  it('common table expressions, and writes inside them', () => {
    expect(
      reads(
        'with recursive tree as (select * from nodes union all select n.* from nodes n join tree t on n.parent = t.id) select * from tree',
      ),
    ).toContain('nodes')
    expect(
      writes(
        'with gone as (delete from orders where id = 1 returning *), more as (insert into log select * from gone returning 1) select * from more',
      ),
    ).toEqual(['delete orders', 'insert log'])
  })

  it('SQLite: its quotes', () => {
    expect(reads('select [a b] from [my table] join `other` on 1 = ?', 'sqlite')).toEqual(['my table', 'other'])
    expect(reads('select * from json_each(?), notes', 'sqlite')).toEqual(['notes'])
  })

  it('what may read anything is told', () => {
    for (const sql of ['select * from totals_of(7)', 'select * from shop.totals()'])
      expect(read(sql).isOpaque).toBe(true)
    for (const sql of [
      'select 1 from a for update',
      'select 1 from a for no key update skip locked',
      'select 1 from a for share of a',
    ])
      expect(read(sql).locks).toBe(true)
    for (const sql of [
      "select nextval('ids')",
      'select pg_catalog.pg_try_advisory_lock(7)',
      'select last_insert_rowid()',
    ])
      expect(read(sql).locks).toBe(true)
  })
})

describe('tables that are written', () => {
  it.each([
    ['insert into users (id) values (1)', ['insert users']],
    ['insert into users (id) values (1) on conflict do nothing', ['insert users']],
    ['insert into users (id) values (1) on conflict (id) do update set n = 2', ['update users']],
    ['INSERT INTO "shop"."Orders" SELECT * FROM carts', ['insert shop.orders']],
    ['update only users set a = 1 from teams t where t.id = users.team', ['update users']],
    ['update users u set a = (select max(x) from y) where u.id = 3', ['update users']],
    ['delete from users using teams', ['delete users']],
    ['truncate table a, public.b restart identity', ['delete a', 'delete b']],
    [
      'merge into stock s using sales on true when matched then update set n = 1 when not matched then insert values (1)',
      ['update stock'],
    ],
    ['select * into copies from users', ['update copies']],
  ])('%s', (sql, tables) => {
    const statement = read(sql)
    expect([statement.kind, statement.isOpaque]).toEqual(['write', false])
    expect(writes(sql)).toEqual(tables)
  })

  it('SQLite: replacing', () => {
    for (const sql of [
      'insert or replace into t values (1)',
      'replace into t values (1)',
      'update or ignore t set a = 1',
    ])
      expect(writes(sql, 'sqlite')).toEqual(['update t'])
  })

  it('what does not tell counts for everything', () => {
    const all = [
      'call pay(7)',
      'do $$ begin delete from a; end $$',
      'copy users from stdin',
      'drop table users',
      'refresh materialized view m',
    ]
    const broken = [
      "select 'open",
      'select 1; savepoint s',
      'select (1',
      'explain analyze delete from users',
      'truncate a cascade',
    ]
    for (const sql of [...all, ...broken, 'commit prepared $1', 'select U&"\\0075sers" from x'])
      expect({ sql, ...read(sql) }).toMatchObject({ kind: 'write', isOpaque: true })
  })

  it('several in one text', () => {
    expect(read('select 1; delete from users where id = 1; insert into a values (2);')).toMatchObject({
      kind: 'write',
      isOpaque: false,
      writes: [{ table: 'users', conditions: undefined }, { table: 'a' }],
    })
    expect(read("set a = 1; set b = ';';").kind).toBe('session')
  })

  it('several in one text, with the begin or the end of a transaction', () => {
    const told = (sql: string) => {
      const { kind, isOpaque, opens } = read(sql)
      return { kind, isOpaque, opens }
    }
    expect(told('begin; set local lock_timeout = 100')).toEqual({ kind: 'begin', isOpaque: true, opens: true })
    expect(told('update a set b = 1; commit')).toEqual({ kind: 'commit', isOpaque: true, opens: false })
    expect(told('rollback; begin')).toEqual({ kind: 'commit', isOpaque: true, opens: true })
    expect(
      ['commit and chain', 'rollback and chain', 'commit and no chain', 'end'].map((sql) => read(sql).opens),
    ).toEqual([true, true, false, false])
  })

  it('transactions and sessions', () => {
    const kinds = (sqls: string[]) => sqls.map((sql) => [read(sql).kind, read(sql).name])
    expect(
      kinds(['BEGIN', 'start transaction isolation level serializable', 'COMMIT;', 'end', 'rollback', 'abort']),
    ).toEqual([
      ...[
        ['begin', ''],
        ['begin', ''],
        ['commit', ''],
        ['commit', ''],
      ],
      ...[
        ['rollback', ''],
        ['rollback', ''],
      ],
    ])
    expect(kinds(['savepoint "S1"', 'rollback to savepoint s1', 'ROLLBACK TO s1', 'release savepoint s1'])).toEqual([
      ...[
        ['savepoint', 's1'],
        ['rollbackTo', 's1'],
        ['rollbackTo', 's1'],
        ['release', 's1'],
      ],
    ])
    for (const sql of [
      'set search_path = shop',
      "select set_config('app.tenant', $1, true)",
      'pragma foreign_keys = on',
      '',
      '-- nothing',
    ])
      expect(read(sql).kind).toBe('session')
  })
})

describe('rows that are met', () => {
  it('by equality with what is given, of one table named once', () => {
    expect(columns('select * from users u where u.id = $1 and (name = \'x\' and ("u"."age" > 3)) limit 1')).toEqual([
      'id',
      'name',
    ])
    expect(columns("select * from users where (((id in ($1, 2, '3'))))")).toEqual(['id'])
    expect(columns('select * from users where id = $1::uuid')).toEqual(['id'])
    expect(columns('delete from users where id = 7 returning *')).toEqual(['id'])
    expect(columns('update users set a = 1 where id = 7')).toEqual(['id'])
  })

  it.each([
    'select * from users where id = 1 or name = 2',
    'select * from users where (id = 1 or name = 2)',
    'select * from users where not id = 1',
    'select * from users where not (id = 1)',
    'select * from users where id = n',
    'select * from users where id = $1 + 1',
    'select * from users where id > $1',
    'select * from users where age between 1 and id = 7',
    'select * from users where id in (select x from y)',
    'select * from users where id in ($1, n)',
    'select * from users where case when $1 then id = 7 end',
    'select * from users where id = $1 collate "x"',
    'select * from users where id = 7 union select * from users',
    'select * from users where case when a = 1 and id = 7 and b = 2 then false else true end',
    'select * from users, jsonb_to_recordset($1) as given(id int) where given.id = 7',
    'update users set a = given.a from (values (7, 1)) given (id, a) where given.id = 7',
    'select * from users a join users b on a.id = b.id where a.id = 7',
    'update users set a = (select max(a) from users) where id = 7',
  ])('not by %s', (sql) => {
    expect(columns(sql)).not.toContain('id')
  })

  it('by a value whose notation is read', () => {
    const values = (literal: string) =>
      read(`delete from users where id = ${literal}`)
        .conditions?.get('id')
        ?.map(({ value }) => value)
    expect([values("'7'"), values('$$7$$'), values("E'\\x37'"), values("x'10'")]).toEqual([
      ['7'],
      ['7'],
      [undefined],
      [undefined],
    ])
  })

  it('what is set', () => {
    const sets = (sql: string) => read(sql).writes[0]?.sets
    expect(sets('update users set a = f(1, id = 2), "B" = $1 where id = 7')).toEqual(['a', 'b'])
    expect(sets('update users set (id, a) = (1, 2)')).toEqual(['*'])
  })

  it('ids that a database takes for the same have the same text, and what is in doubt has none', () => {
    const same = (...values: unknown[]) => new Set(values.map((value) => rowId([value])))
    expect(same(7, '7', 7n, ' 7 ')).toEqual(new Set(['7']))
    expect(same('Ada', 'ada ', 'ADA').size).toBe(1)
    expect(same('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '{a0eebc999c0b4ef8bb6d6bb9bd380a11}').size).toBe(1)
    const doubtful = [
      '07',
      '7.0',
      '1e3',
      '0x10',
      '1_000',
      'é',
      '',
      7.5,
      Number.NaN,
      2 ** 53,
      true,
      null,
      undefined,
      new Date(),
      'nan',
      'fe80::1',
      'aabb.ccdd.eeff',
      Buffer.from('a'),
    ]
    expect(doubtful.map((value) => rowId([value]))).toEqual(doubtful.map(() => undefined))
    expect(rowId(['01hxyz0123456789abcdefghjk'])).toBeDefined()
    expect([rowId([1, 23]), rowId([12, 3])].every((id, at, all) => all.indexOf(id) === at)).toBe(true)
  })
})

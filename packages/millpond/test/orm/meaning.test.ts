// What a statement does to those after it on its connection.
import { describe, expect, it } from 'vitest'
import { Door } from '../../src/orm/door/door.ts'
import { readStatement } from '../../src/orm/statements/statement.ts'

const read = (sql: string, dialect: 'postgres' | 'sqlite' = 'postgres') =>
  readStatement(sql, dialect, dialect === 'postgres' ? 'public' : 'main')
const meaning = (sql: string, dialect?: 'postgres' | 'sqlite') => {
  const { isOther, settings } = read(sql, dialect).meaning
  return isOther ? 'other' : settings.size === 0 ? 'same' : Object.fromEntries(settings)
}

describe('names mean something else after it', () => {
  it.each([
    'create temp table users (id int)',
    'CREATE /* a */ /* b /* c */ */ TEMPORARY -- d\n TABLE users (id int)',
    'create or replace temp view users as select 1',
    'create local temporary table users (id int)',
    'create table pg_temp.users (id int)',
    'create view pg_temp_3.users as select 1',
    'select * into temp users from people',
    'with one as (select 1) select * into pg_temp.users from one',
    'explain analyze create temp table users as select 1',
    'set search_path = shop',
    'set session search_path to shop, public',
    "set schema 'shop'",
    'set role shop',
    'set "role" to shop',
    'set session authorization shop',
    'set row_security = off',
    'set standard_conforming_strings = off',
    'set local work_mem = 1; set search_path = shop',
    'reset search_path',
    'reset all',
    'reset session authorization',
    'discard all',
    "select set_config('search_path', $1, false)",
    "with t as (select set_config('app.tenant', '7', false)) select * from users",
    "do $$ begin execute 'set search_path = shop'; end $$",
    "do $$ begin set app.tenant = 'b'; end $$",
    "do $$ begin if true then set session app.tenant to 'b'; end if; end $$",
    "do $$ begin perform 1; -- now\n /* b */ SET TimeZone = 'UTC'; end $$",
    "do $$ begin execute 'set app.tenant = 7'; end $$",
    'do $$ begin reset app.tenant; end $$',
    'do $$ begin set\n role shop; end $$',
    'set U&"search\\005fpath" = shop',
    // Of these it is not known which of two that look alike they are.
    'set app.tenant = "Shop"',
    "set app.tenant = E'a\\nb'",
  ])('%s', (sql) => expect(meaning(sql)).toBe('other'))

  it.each([
    'create temp table users (id)',
    'create temp trigger t after insert on a begin select 1; end',
    'create virtual table temp.users using fts5(name)',
    'create view "temp".users as select 1',
    "attach 'a.db' as a",
    'detach database a',
    'select 1; attach ? as b',
    'pragma case_sensitive_like = on',
    'pragma main.read_uncommitted(1)',
  ])('SQLite: %s', (sql) => expect(meaning(sql, 'sqlite')).toBe('other'))
})

describe('nothing means anything else after it', () => {
  it.each([
    'create table jobs (id int, role text, temporary boolean)',
    "insert into jobs values (1, 'create temp table x')",
    "select * from jobs where name = 'into temp users'",
    'insert into temp (id) values (1)',
    "set local search_path = shop; select set_config('search_path', $1, true)",
    "set statement_timeout = '1s'; set session characteristics as transaction read only; set application_name to a",
    'set standard_conforming_strings=on',
    'reset work_mem',
    'discard plans',
    'begin',
    // What is only defined is executed later, or on other connections.
    "create function f() returns int language sql set search_path = '' as $$ select 1 $$",
    "create or replace procedure f() language plpgsql as $$ begin execute 'set role shop'; end $$",
    "alter role shop set search_path = 'shop'",
    "comment on table users is 'found by its search_path'",
    "do $$ begin set local app.tenant = 'b'; update users set name = 'b'; end $$",
  ])('%s', (sql) => expect(meaning(sql)).toBe('same'))

  it.each(['pragma table_info(users)', 'pragma foreign_keys = on', 'pragma journal_mode = wal'])('SQLite: %s', (sql) =>
    expect(meaning(sql, 'sqlite')).toBe('same'),
  )
})

it('what answers may depend on besides is told with its value', () => {
  const sequelize =
    "SET standard_conforming_strings=on;SET client_min_messages TO warning;SET TIME ZONE INTERVAL '+00:00' HOUR TO MINUTE"
  expect(meaning(sequelize)).toEqual({ timezone: "interval '+00:00' hour to minute" })
  expect(meaning("set app.tenant = '7'")).toEqual({ 'app.tenant': "'7'" })
  expect(meaning("set app.tenant to 'default'")).toEqual({ 'app.tenant': "'default'" })
  for (const sql of ['reset time zone', 'set time zone local', 'set timezone to default'])
    expect(meaning(sql)).toEqual({ timezone: undefined })
})

describe('tables that are read, where their names are hard to see', () => {
  it.each([
    ['select * from unnest($1) with ordinality as t (x, n), users', 'users'],
    ['select * from a join b on case when b.y then true end, users', 'users'],
    ['select * from a join b on a.order = b.order and a.values = b.values, users', 'users'],
    ['select * from shop.public.users', 'users'],
    ['select 1 -- a\rfrom users', 'users'],
    ['select * from 🚀, "ünï"', '🚀'],
    ['select * from us\u00a0ers', 'us\u00a0ers'],
    ['select $🚀$ from fake $🚀$ from users', 'users'],
  ])('%s', (sql, table) => {
    expect(read(sql)).toMatchObject({ kind: 'read', isOpaque: false })
    expect(read(sql).reads).toContain(table)
    expect(read(sql).reads).not.toContain('fake')
  })

  it.each([
    ["select * from 'users' where id = 1", 'users'],
    ["select * from main.'Users', `other`", 'users'],
    ['select * from window', 'window'],
  ])('SQLite: %s', (sql, table) => expect(read(sql, 'sqlite').reads).toContain(table))

  it('rows that are met where a column is called as a clause', () => {
    const columns = (sql: string) => [...(read(sql, 'sqlite').conditions?.keys() ?? [])]
    expect(columns("select * from users where id = 7 and offset = 3 or name = 'x'")).toEqual([])
    expect(columns('select * from users where id = 7 and name = ? limit 1 offset 2')).toEqual(['id', 'name'])
  })

  it('functions that read by a text, and those that do something, by a quoted name, too', () => {
    expect(read("select query_to_xml('select * from users', true, false, '')").isOpaque).toBe(true)
    expect(read(`select pg_catalog."nextval"('ids')`).locks).toBe(true)
  })

  it('SQLite: tables that are written by a text', () => {
    expect(read("update 'Users' set name = 'x' where id = 7", 'sqlite').writes).toMatchObject([{ table: 'users' }])
    expect(read("insert into 'users' values (1)", 'sqlite').writes).toMatchObject([{ table: 'users', kind: 'insert' }])
  })
})

it('what is explained by being done counts for everything where it may write', () => {
  for (const sql of [
    'explain analyze execute rename(7)',
    'explain (analyze) create table copies as select * from users',
  ])
    expect({ sql, ...read(sql) }).toMatchObject({ kind: 'write', isOpaque: true })
  expect(read('explain select * from users').kind).toBe('session')
})

describe('a definition is one statement, and ends no transaction', () => {
  it.each([
    'create trigger t after update on users begin update users set name = 1; delete from jobs; end',
    'create trigger if not exists t after update on users begin select case when 1 then 2 end; end;',
  ])('SQLite: %s', (sql) => expect(read(sql, 'sqlite')).toMatchObject({ kind: 'write', isOpaque: true }))

  it('of a function in standard SQL', () => {
    const sql = 'create or replace function f() returns int begin atomic select 1; select 2; end'
    expect(read(sql)).toMatchObject({ kind: 'write', isOpaque: true })
    expect(read(`${sql}; commit`).kind).toBe('commit')
    expect(read("create function f(begin date) returns int language sql as 'select 1'; commit").kind).toBe('commit')
  })
})

it('a long text is parsed once for all that ask for it while it is sent', () => {
  const door = new Door({ cache: {} as never }, 'pg', 'postgres')
  const sql = `select * from users where id in (${Array.from({ length: 2000 }, (_, at) => `$${at + 1}`).join()})`
  expect(door.read(sql)).toBe(door.read(sql))
  expect(door.read(`${sql} limit 1`)).not.toBe(door.read(sql))
})

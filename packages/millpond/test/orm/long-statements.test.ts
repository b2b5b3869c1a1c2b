// Statements of any length and depth are read in a time that grows with their length alone: a text that a user
// may have sent must not hold the process.
import { describe, expect, it } from 'vitest'
import { readStatement } from '../../src/orm/statements/statement.ts'

const DIALECTS = ['postgres', 'sqlite'] as const
const LENGTH = 300_000

/** CPU time, which does not depend on what else the machine does. */
function seconds(work: () => void): number {
  const began = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(began)
  return (user + system) / 1e6
}

describe.each(DIALECTS)('%s', (dialect) => {
  it.each([
    ['', 'create'],
    ['CREATE TABLE a ', 'create'],
    ['', 'insert into a'],
    ['SELECT ', 'into'],
    ['UPDATE a SET ', 'update'],
    ['', 'update a set b = 1'],
    ['SELECT * FROM a WHERE ', '$a and'],
    ['SELECT ', "set_config ( '' , true )"],
    ['SELECT * FROM a WHERE ', '()'],
    ['', 'begin;'],
    ['SELECT ', "''"],
  ])('%s%s, again and again', (before, word) => {
    const text = before + `${word} `.repeat(Math.ceil(LENGTH / (word.length + 1)))
    expect(
      seconds(() => readStatement(text, dialect, 'public')),
      'in time',
    ).toBeLessThan(2)
  })

  it.each([
    ['of conditions', (inside: string) => `SELECT * FROM users WHERE ${inside}`, 'id = 1'],
    ['that join conditions', (inside: string) => `DELETE FROM users WHERE ${inside}`, 'id = 1 AND name = 2'],
    ['of subqueries', (inside: string) => `SELECT * FROM users WHERE id IN ${inside}`, 'SELECT id FROM posts'],
    ['of values', (inside: string) => `INSERT INTO users (id) VALUES (${inside})`, '1'],
  ])('50,000 brackets %s', (_, around, inside) => {
    const text = around(`${'('.repeat(50_000)}${inside}${')'.repeat(50_000)}`)
    expect(
      seconds(() => readStatement(text, dialect, 'public')),
      'in time',
    ).toBeLessThan(2)
    const { reads, writes, conditions, isOpaque } = readStatement(text, dialect, 'public')
    expect([...reads, ...writes.map(({ table }) => table)]).toContain('users')
    expect(inside.startsWith('SELECT') ? reads : ['posts']).toContain('posts')
    expect([conditions, isOpaque]).toEqual([undefined, false])
  })

  it('few brackets are still read', () => {
    const text = `SELECT * FROM users WHERE ${'('.repeat(40)}id = 7${')'.repeat(40)}`
    expect([...(readStatement(text, dialect, 'public').conditions?.keys() ?? [])]).toEqual(['id'])
  })

  it('an update that is one of many in its statement changes any column, and those before it what they say', () => {
    const many = Array.from({ length: 100 }, (_, at) => `w${at} AS (UPDATE t${at} SET a = 1 RETURNING 1)`).join(', ')
    const { writes } = readStatement(`WITH ${many} SELECT 1`, dialect, 'public')
    expect(writes).toHaveLength(100)
    expect([writes[0]?.sets, writes[99]?.sets]).toEqual([['a'], ['*']])
  })
})

it.each([
  ['CREATE TABLE pg_temp_3.users (id int)', true],
  ['CREATE VIEW temp.v AS SELECT 1', true],
  ['SELECT f(1); CREATE TABLE pg_temp.users (id int)', true],
  ['CREATE TABLE a (b int DEFAULT temp.c)', false],
  ['CREATE TABLE a AS SELECT * FROM b WHERE (c) IN (SELECT 1 FROM pg_temp.d)', false],
])('%s: whether it creates something temporary', (text, is) => {
  expect(readStatement(text, 'postgres', 'public').meaning.isOther).toBe(is)
})

// Histories over what stands alone and is no single Redis: one cell or two each. The long form has all of them; those
// over groups of servers are beside.
import { describe } from 'vitest'
import { describeWith } from '../services/index.ts'
import { shortForm } from './short-form.ts'

const histories = shortForm('histories over other tiers', 2500)

describe('G1 to G9: a history in memory alone', () => histories.record('none', ['process-stopped'], { processes: 1 }))
describe('G1 to G9: histories over one SQLite file', () =>
  histories.record('sqlite', ['file-locked', 'process-killed']))
describeWith('memcached', 'G1 to G9: a history over Memcached beside a Redis ledger', () =>
  histories.record('memcached', ['server-emptied']),
)
describe('G1 to G9: a history over a folder beside a SQLite ledger', () => histories.record('file', ['process-killed']))
describeWith('postgres', 'G1 to G9: a history over PostgreSQL', () =>
  histories.record('postgres', ['server-restarted']),
)
describe('G1 to G9: all of these', () => histories.expectReads(25_000, 'sqlite', ['file-locked', 'process-killed']))

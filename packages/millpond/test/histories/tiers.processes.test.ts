// Histories over everything but a single Redis: one cell or two each, since where a server takes long to start and to recover, that is most of the time.
// The long form has all of them.
import { describe } from 'vitest'
import { describeWith } from '../services/index.ts'
import { shortForm } from './short-form.ts'

const histories = shortForm('histories over other tiers', 2500)

describe('G1 to G9: a history in memory alone', () => histories.record('none', ['process-stopped'], { processes: 1 }))
describe('G1 to G9: histories over one SQLite file', () => histories.record('sqlite', ['file-locked', 'process-killed']))
describeWith('redis', 'G1 to G9: a history over a Sentinel group', () => histories.record('sentinel', ['master-killed']))
describeWith('redis', 'G1 to G9: a history over a Redis Cluster', () => histories.record('cluster', ['master-killed']))
describeWith('memcached', 'G1 to G9: a history over Memcached beside a Redis ledger', () =>
  histories.record('memcached', ['server-emptied']),
)
describeWith('memcached', 'G1 to G9: histories over a ring of two Redis and a Memcached', () =>
  histories.record('ring', ['node-killed', 'node-removed']),
)
describe('G1 to G9: a history over a folder beside a SQLite ledger', () => histories.record('file', ['process-killed']))
describeWith('postgres', 'G1 to G9: a history over PostgreSQL', () => histories.record('postgres', ['server-restarted']))
describe('G1 to G9: all of these', () => histories.expectReads(40_000, 'sqlite', ['file-locked', 'process-killed']))

// Histories over groups of servers, in which one takes another's place, or is missed: starting and recovering is most
// of the time, so each has one cell or two. The long form has all of them.
import { describeWith } from '../services/index.ts'
import { shortForm } from './short-form.ts'

const histories = shortForm('histories over groups of servers', 2500)

describeWith('redis', 'G1 to G9: a history over a Sentinel group', () =>
  histories.record('sentinel', ['master-killed']),
)
describeWith('redis', 'G1 to G9: a history over a Redis Cluster', () => histories.record('cluster', ['master-killed']))
describeWith('redis', 'G1 to G9: histories of two regions', () =>
  histories.record('regions', ['region-cut', 'region-full']),
)
describeWith('memcached', 'G1 to G9: histories over a ring of two Redis and a Memcached', () => {
  histories.record('ring', ['node-killed', 'node-removed'])
  histories.expectReads(25_000, 'ring', ['node-killed', 'node-removed'])
})

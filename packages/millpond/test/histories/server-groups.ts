// Groups of Redis servers that faults are injected into: a Sentinel group and a cluster, in which another server takes
// the place of the one that is hurt.
import type { FaultableGroup } from '../../src/testing/nemesis.ts'
import { type ClusterGroup, type RedisService, type SentinelGroup, type Service, until } from '../services/index.ts'
import { ask } from '../services/redis.ts'

/** A demoted master that was frozen is told so by the sentinels about ten seconds later. */
const PATIENCE_MS = 45_000

export function faultableSentinels(servers: SentinelGroup): FaultableGroup {
  return {
    async failOver(how) {
      const old = await until('a master', () => servers.master(), PATIENCE_MS)
      if (how === 'killed') await old.kill()
      else old.pause()
      const next = await anotherThan(old, () => servers.master()).finally(() => how === 'frozen' && old.resume())
      await until('its promotion', async () => (await replicationOf(next)).includes('role:master'), PATIENCE_MS)
      if (how === 'killed') {
        await old.restart()
        // By itself it would be told in about ten seconds; no client is sent to it meanwhile.
        await old.command('REPLICAOF', next.host, next.port)
      }
      // The sentinel that leads names the new master before it has done with the old one, and cannot lead again until
      // then. On a busy machine the new one may have been taken for dead in its turn: the current master must be seen
      // as healthy.
      await until('sentinels that see all well', () => isWell(servers), PATIENCE_MS)
    },
  }
}

/** All sentinels name the same master, which has all the others as replicas, and see nothing amiss. */
async function isWell({ name, servers, sentinels, master }: SentinelGroup): Promise<boolean> {
  const now = await master()
  if (now === undefined) return false
  const others = servers.length - 1
  if ((await replicationOf(now)).match(/state=online/g)?.length !== others) return false
  return (await Promise.all(sentinels.map((one) => seesWell(one, name, now, others)))).every(Boolean)
}

/** Whether it knows the master under its new address, and no server as down, unreachable or changing its role. */
async function seesWell({ url }: Service, name: string, master: RedisService, others: number): Promise<boolean> {
  const known = fieldsOf(await ask(url, ['SENTINEL', 'MASTER', name]))
  const replicas = await ask(url, ['SENTINEL', 'REPLICAS', name])
  const flags = Array.isArray(replicas) ? replicas.map((one) => fieldsOf(one).get('flags')) : []
  return (
    known.get('port') === String(master.port) &&
    known.get('flags') === 'master' &&
    flags.length === others &&
    flags.every((text) => text === 'slave')
  )
}

function fieldsOf(reply: unknown): Map<string, string> {
  const words = Array.isArray(reply) ? reply.map(String) : []
  return new Map(words.flatMap((word, at) => (at % 2 === 0 ? [[word, words[at + 1] ?? '']] : [])))
}

export function faultableCluster(cluster: ClusterGroup): FaultableGroup {
  const ownerOf = (key: string) => until('an owner of the record', () => cluster.ownerOf(key), PATIENCE_MS)
  return {
    async failOver(how) {
      const record = await findRecord(cluster)
      const old = await ownerOf(record)
      if (how === 'killed') await old.kill()
      else old.pause()
      await anotherThan(old, () => cluster.ownerOf(record)).finally(() => how === 'frozen' && old.resume())
      await cluster.healthy(PATIENCE_MS)
      if (how === 'killed') await old.restart()
      await until(
        'the old master as a replica',
        async () => (await replicationOf(old)).includes('master_link_status:up'),
        PATIENCE_MS,
      )
      await cluster.healthy(PATIENCE_MS)
    },
    async migrate(ms) {
      const record = await findRecord(cluster)
      const from = await ownerOf(record)
      const masters = await mastersOf(cluster)
      const to = masters.find((node) => node !== from)
      if (to === undefined) throw new Error('there is no other master')
      await moveSlot(Number(await from.command('CLUSTER', 'KEYSLOT', record)), from, to, masters, ms)
      await cluster.healthy(PATIENCE_MS)
    },
  }
}

/** As `redis-cli --cluster reshard` does it; half of `ms` before the keys move, half after. */
async function moveSlot(
  slot: number,
  from: RedisService,
  to: RedisService,
  masters: readonly RedisService[],
  ms: number,
): Promise<void> {
  const [source, target] = await Promise.all(
    [from, to].map(async (node) => String(await node.command('CLUSTER', 'MYID'))),
  )
  await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', source ?? '')
  await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', target ?? '')
  await sleep(ms / 2)
  for (;;) {
    const keys = await from.command('CLUSTER', 'GETKEYSINSLOT', slot, 100)
    if (!Array.isArray(keys) || keys.length === 0) break
    await from.command('MIGRATE', to.host, to.port, '', 0, 5000, 'REPLACE', 'KEYS', ...keys.map(String))
  }
  await sleep(ms / 2)
  const rest = masters.filter((node) => node !== from && node !== to)
  for (const node of [to, from, ...rest]) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', target ?? '')
}

async function mastersOf({ nodes }: ClusterGroup): Promise<RedisService[]> {
  const texts = await Promise.all(nodes.map(replicationOf))
  return nodes.filter((_, index) => texts[index]?.includes('role:master'))
}

/** The name of the ledger's record, which the first question of a process makes. */
function findRecord({ nodes }: ClusterGroup): Promise<string> {
  return until('a record', async () => {
    const found = await Promise.all(nodes.map((node) => node.command('KEYS', 'millpond:l:*')))
    const [record] = found.flat()
    return typeof record === 'string' && record
  })
}

function anotherThan(old: RedisService, now: () => Promise<RedisService | undefined>): Promise<RedisService> {
  return until(
    'another master',
    async () => {
      const next = await now()
      return next !== old && next
    },
    PATIENCE_MS,
  )
}

async function replicationOf(node: RedisService): Promise<string> {
  return String(await node.command('INFO', 'replication'))
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

// The faults under which histories are recorded: one at a time, against a server, the links to it, or the processes
// that use it.
import type { Fault, FaultProxy } from './fault-proxy.ts'
import type { HistoryLine } from './history.ts'
import { historyTime } from './history.ts'
import type { Random } from './random.ts'

/** A server that faults are injected into, as the project's own test services offer it. */
export interface FaultableServer {
  /** SIGSTOP and SIGCONT. */
  pause(): void
  /** Ends `pause`. */
  resume(): void
  /** SIGKILL. */
  kill(): Promise<void>
  /** Starts it again, with its saved contents or `empty`, and resolves when it answers. Ends it first if it runs. */
  restart(options?: { empty?: boolean }): Promise<void>
  /** Saves its contents as the state that a later restart finds. */
  save(): Promise<void>
  /** Sends one Redis command, as a user with all permissions. Needed by the faults that are answers of the server. */
  command?(...words: (string | number)[]): Promise<unknown>
}

/**
 * Servers of which one can replace another: a Sentinel group, a cluster. Each method resolves once the group reports
 * that it is healthy.
 */
export interface FaultableGroup {
  /**
   * The master of the ledger's record is killed or frozen until another one was promoted, and comes back as its
   * replica.
   */
  failOver(how: 'killed' | 'frozen'): Promise<void>
  /** The slot of the ledger's record moves to another master, which takes about `ms` longer than the move itself. */
  migrate?(ms: number): Promise<void>
}

/** Stores that form one tier, and the changes that their ring supports while it runs. */
export interface FaultableRing {
  readonly nodes: readonly FaultableServer[]
  /**
   * In every process: a spare node joins (`added`), a node leaves (`removed`), or a node gets another weight
   * (`reweighed`); `undone` restores the ring. Resolves when all processes have been told.
   */
  change(how: 'added' | 'removed' | 'reweighed' | 'undone'): Promise<void>
}

/** Regions with a server each, and the links by which the processes of one reach the servers of the others. */
export interface FaultableRegions {
  readonly servers: readonly FaultableServer[]
  /** The links of each region's processes. */
  readonly links: readonly (readonly FaultProxy[])[]
}

/** A process that takes part in a history. */
export interface Participant {
  /** The name of its current run. */
  readonly name: string
  /** The id of its current process. */
  readonly pid: number
  /** SIGKILL, then a new start under a new name. */
  replace(): Promise<void>
}

export interface FaultContext {
  /** The only source of chance, so that a seed repeats a run. */
  readonly random: Random
  /** The processes that may be killed or frozen. */
  readonly participants: readonly Participant[]
  /** One per participant, in their order; empty if there is no server. */
  readonly links: readonly FaultProxy[]
  /** The server of the shared tier; absent if it has none. */
  readonly server?: FaultableServer
  /** Absent if the servers do not replace each other. */
  readonly group?: FaultableGroup
  /** Absent if the shared tier is not a ring. */
  readonly ring?: FaultableRing
  /** Absent if there is only one region. */
  readonly regions?: FaultableRegions
  /** Holds the write lock of the shared file for `ms`, if the shared tier is a file. */
  readonly lockFile?: (ms: number) => Promise<void>
  /** Resolves after so many milliseconds. */
  readonly sleep: (ms: number) => Promise<void>
  /** Gets the lines that record the fault. */
  readonly note: (line: HistoryLine) => void
}

/** The faults that a nemesis can cause. */
export const FAULTS = [
  'server-paused',
  'server-emptied',
  'server-rewound',
  'link-cut',
  'link-half-open',
  'link-slow',
  'process-stopped',
  'process-killed',
] as const

/**
 * Besides the eight of every plan: no fault at all; connections that end in the middle of a message; bytes that change
 * on the way (which TCP's checksum or TLS normally prevent, so only values may be judged under it); a file that another
 * process locks.
 */
export const OTHER_FAULTS = ['none', 'link-torn', 'link-garbled', 'file-locked'] as const

/**
 * A Redis server that answers -OOM to writes; -READONLY, as a replica without a master; -LOADING, if it holds enough
 * data to load for long.
 */
export const ANSWER_FAULTS = ['server-full', 'server-readonly', 'server-loading'] as const

/** A server restarted with all its data; faults of groups of servers. */
export const GROUP_FAULTS = ['server-restarted', 'master-killed', 'master-frozen', 'slot-migrated'] as const

/** Faults of a ring of stores. */
export const RING_FAULTS = [
  'node-killed',
  'node-frozen',
  'node-wiped',
  'node-added',
  'node-removed',
  'node-reweighed',
] as const

/**
 * Faults of regions: the links cut in one or both directions, sometimes for longer than regions may lag; slow links; a
 * region's server full, or emptied.
 */
export const REGION_FAULTS = ['region-deaf', 'region-cut', 'region-slow', 'region-full', 'region-wiped'] as const

export type FaultName =
  | (typeof FAULTS)[number]
  | (typeof OTHER_FAULTS)[number]
  | (typeof ANSWER_FAULTS)[number]
  | (typeof GROUP_FAULTS)[number]
  | (typeof RING_FAULTS)[number]
  | (typeof REGION_FAULTS)[number]

/** Causes the fault once, and heals it. Resolves when everything works again. */
export async function injectFault(name: FaultName, field: FaultContext): Promise<void> {
  const start = historyTime()
  const how = await INJECTIONS[name](field)
  field.note({ kind: 'fault', name, ...(typeof how === 'string' ? { how } : {}), start, end: historyTime() })
}

/** Resolves with the details that were drawn at random, if any. */
const INJECTIONS: Record<FaultName, (field: FaultContext) => Promise<unknown>> = {
  none: (field) => field.sleep(500),
  'server-paused': async (field) => {
    const server = serverOf(field)
    server.pause()
    await field.sleep(between(field, 200, 2500)).finally(() => server.resume())
  },
  'server-emptied': async (field) => {
    const server = serverOf(field)
    await server.kill()
    await field.sleep(between(field, 0, 800))
    await server.restart({ empty: true })
  },
  'server-rewound': async (field) => {
    const server = serverOf(field)
    await server.save()
    await field.sleep(between(field, 300, 900))
    await server.kill()
    await field.sleep(between(field, 0, 800))
    await server.restart()
  },
  'server-restarted': (field) => serverOf(field).restart(),
  'server-full': async (field) => {
    const command = commandOf(field)
    await command('CONFIG', 'SET', 'maxmemory', 1)
    await field.sleep(between(field, 200, 2500)).finally(() => command('CONFIG', 'SET', 'maxmemory', 0))
  },
  'server-readonly': async (field) => {
    const command = commandOf(field)
    // Port 1 of this host: nothing listens there, so the server keeps its data.
    await command('REPLICAOF', '127.0.0.1', 1)
    await field.sleep(between(field, 200, 2500)).finally(() => command('REPLICAOF', 'NO', 'ONE'))
  },
  'server-loading': (field) => serverOf(field).restart(),
  'master-killed': (field) => groupOf(field).failOver('killed'),
  'master-frozen': (field) => groupOf(field).failOver('frozen'),
  'slot-migrated': async (field) => {
    const { migrate } = groupOf(field)
    if (migrate === undefined) throw new Error('there are no slots to migrate')
    await migrate(between(field, 0, 1000))
  },
  // The node comes back with the data that it had some time before.
  'node-killed': async (field) => {
    const node = nodeOf(field)
    await node.save()
    await field.sleep(between(field, 300, 900))
    await node.kill()
    await field.sleep(between(field, 0, 1500))
    await node.restart()
  },
  'node-frozen': async (field) => {
    const node = nodeOf(field)
    node.pause()
    await field.sleep(between(field, 200, 2500)).finally(() => node.resume())
  },
  'node-wiped': async (field) => {
    const node = nodeOf(field)
    await node.kill()
    await field.sleep(between(field, 0, 800))
    await node.restart({ empty: true })
  },
  'node-added': (field) => changeRing(field, 'added'),
  'node-removed': (field) => changeRing(field, 'removed'),
  'node-reweighed': (field) => changeRing(field, 'reweighed'),
  'region-deaf': (field) => cutRegions(field, [field.random.below(regionsOf(field).links.length)]),
  'region-cut': (field) => cutRegions(field, [...regionsOf(field).links.keys()]),
  'region-slow': (field) => {
    const fault: Fault = { kind: 'delay', ms: field.random.pick([20, 60, 130, 240]), jitterMs: 100 }
    return withFault(field, regionsOf(field).links.flat(), fault, between(field, 1000, 4000))
  },
  'region-full': async (field) => {
    const { command } = field.random.pick(regionsOf(field).servers)
    if (command === undefined) throw new Error('the server takes no commands')
    await command('CONFIG', 'SET', 'maxmemory', 1)
    await field.sleep(between(field, 500, 3000)).finally(() => command('CONFIG', 'SET', 'maxmemory', 0))
  },
  'region-wiped': async (field) => {
    const server = field.random.pick(regionsOf(field).servers)
    await server.kill()
    await field.sleep(between(field, 0, 800))
    await server.restart({ empty: true })
  },
  'link-cut': (field) =>
    faultyLinks(
      field,
      field.random.pick<Fault>([{ kind: 'reset' }, { kind: 'refuse' }, { kind: 'drop' }, { kind: 'drop', lost: true }]),
    ),
  'link-half-open': (field) =>
    faultyLinks(field, { kind: 'half-open', dead: field.random.pick(['up', 'down']), lost: field.random.chance(0.3) }),
  'link-slow': (field) =>
    faultyLinks(field, {
      kind: 'delay',
      ms: field.random.pick([20, 60, 130, 240, 400]),
      ...(field.random.chance(0.5) ? { jitterMs: 150 } : {}),
      ...(field.random.chance(0.5) ? { direction: field.random.pick(['up', 'down']) } : {}),
    }),
  'link-torn': (field) =>
    faultyLinks(field, {
      kind: 'cut',
      afterBytes: field.random.below(2000),
      direction: field.random.pick(['up', 'down']),
    }),
  'link-garbled': (field) => faultyLinks(field, { kind: 'corrupt', rate: field.random.pick([0.00005, 0.0005, 0.005]) }),
  'process-stopped': async (field) => {
    const victim = field.random.pick(field.participants)
    const { name, pid } = victim
    const start = historyTime()
    process.kill(pid, 'SIGSTOP')
    await field.sleep(between(field, 150, 2500)).finally(() => process.kill(pid, 'SIGCONT'))
    field.note({ kind: 'freeze', process: name, start, end: historyTime() })
  },
  'process-killed': async (field) => {
    await field.random.pick(field.participants).replace()
  },
  'file-locked': async (field) => {
    if (field.lockFile === undefined) throw new Error('there is no file to lock')
    await field.lockFile(between(field, 50, 1500))
  },
}

/** On one link or all of them; on every connection, or only on those that follow the log. */
async function faultyLinks(field: FaultContext, fault: Fault): Promise<string> {
  const one = field.random.chance(0.6) ? field.random.below(field.links.length) : undefined
  const links = one === undefined ? field.links : field.links.slice(one, one + 1)
  const busOnly = fault.kind !== 'refuse' && field.random.chance(0.3)
  const where = busOnly ? ({ commands }: { commands: ReadonlyMap<string, number> }) => isFollower(commands) : () => true
  await Promise.all(links.map((link) => link.set(fault, where)))
  await field.sleep(between(field, 200, 2500))
  await Promise.all(links.map((link) => link.heal()))
  const whose = one === undefined ? 'all links' : `the link of ${field.participants[one]?.name}`
  return `${JSON.stringify(fault)} on ${busOnly ? 'the following connections of ' : ''}${whose}`
}

async function cutRegions(field: FaultContext, deaf: readonly number[]): Promise<string> {
  const { links } = regionsOf(field)
  const fault = field.random.pick<Fault>([
    { kind: 'reset' },
    { kind: 'refuse' },
    { kind: 'drop' },
    { kind: 'drop', lost: true },
  ])
  const cut = deaf.flatMap((region) => links[region] ?? [])
  return `${await withFault(field, cut, fault, between(field, 1000, 6000))}: the regions ${deaf.join(' and ')} hear nothing`
}

async function withFault(field: FaultContext, links: readonly FaultProxy[], fault: Fault, ms: number): Promise<string> {
  await Promise.all(links.map((link) => link.set(fault)))
  await field.sleep(ms)
  await Promise.all(links.map((link) => link.heal()))
  return JSON.stringify(fault)
}

const FOLLOWING = ['SUBSCRIBE', 'SSUBSCRIBE', 'PSUBSCRIBE', 'XREAD']

function isFollower(commands: ReadonlyMap<string, number>): boolean {
  return FOLLOWING.some((command) => commands.has(command))
}

function between({ random }: FaultContext, from: number, to: number): number {
  return from + random.below(to - from)
}

function groupOf({ group }: FaultContext): FaultableGroup {
  if (group === undefined) throw new Error('there is no group of servers to hurt')
  return group
}

function ringOf({ ring }: FaultContext): FaultableRing {
  if (ring === undefined) throw new Error('there is no ring of nodes to hurt')
  return ring
}

function regionsOf({ regions }: FaultContext): FaultableRegions {
  if (regions === undefined) throw new Error('there are no regions to hurt')
  return regions
}

const nodeOf = (field: FaultContext): FaultableServer => field.random.pick(ringOf(field).nodes)

async function changeRing(field: FaultContext, how: 'added' | 'removed' | 'reweighed'): Promise<void> {
  const ring = ringOf(field)
  await ring.change(how)
  await field.sleep(between(field, 300, 1500))
  await ring.change('undone')
}

function commandOf(field: FaultContext): NonNullable<FaultableServer['command']> {
  const { command } = serverOf(field)
  if (command === undefined) throw new Error('the server takes no commands')
  return command
}

function serverOf({ server }: FaultContext): FaultableServer {
  if (server === undefined) throw new Error('there is no server to hurt')
  return server
}

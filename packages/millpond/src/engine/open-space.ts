// Opens a namespace: its part of memory, its ledger, and what this process does when the ledger advances.
import type { Codec, LedgerStore, MemorySpace, Outbox } from '../core/contracts.ts'
import { reasonOf } from '../core/errors.ts'
import type { Line, Target } from '../core/ledger.ts'
import { idAtOrigin, unheardOf } from '../core/relay.ts'
import { Delays } from '../invalidate/delay.ts'
import { eraseBehind } from './erase-behind.ts'
import { forgetKeys } from './erase-here.ts'
import { expireInMemory } from './expire-in-memory.ts'
import { tellInvalidated, told } from './forget.ts'
import { namesOf } from './hidden.ts'
import { InFlightLoads } from './in-flight-loads.ts'
import { Ledger } from './ledger.ts'
import { Outlets, type ResolvedOutlet } from './outlets.ts'
import { ReadFence } from './read-fence.ts'
import type { Settings } from './settings.ts'
import { Shapes } from './shapes.ts'
import { ledgerPatience, type Space } from './space.ts'
import { Stamps } from './stamps.ts'
import { storagePrefix } from './storage-key.ts'
import { TimeoutQueue } from './timeout-queue.ts'
import type { CacheWatch } from './watch.ts'
import { WriteOrder } from './write-order.ts'

/** The parts that all namespaces of a cache share. */
export interface SpaceParts extends Pick<Space, 'services' | 'far' | 'warmth' | 'foreign'> {
  readonly cacheName: string
  readonly watch: CacheWatch
  readonly ledgerStore: LedgerStore | undefined
  readonly compile: (pattern: string) => (key: string) => boolean
  readonly trustMs: number
  readonly outbox: Outbox | undefined
  readonly outlets: readonly ResolvedOutlet[]
  readonly nodeId: () => string
  /** Called after a step that names more than keys: entries that it invalidates may be anywhere in memory. */
  readonly moved: () => void
}

/** @param codec the namespace's codec, for tiers that have none of their own */
export function openSpace(
  parts: SpaceParts,
  namespace: string,
  settings: Settings,
  memory: MemorySpace | undefined,
  codec: Codec,
  select: Space['select'],
): Space {
  const prefix = storagePrefix(parts.cacheName, namespace)
  const { clock, events } = parts.services
  let wasDown = false
  const ledger = new Ledger(
    {
      namespace: prefix,
      store: parts.ledgerStore,
      clock,
      compile: parts.compile,
      trustMs: parts.trustMs,
      timeoutMs: () => ledgerPatience(parts.far),
      outbox: parts.outbox,
      nodeId: parts.nodeId,
      names: () => namesOf(space),
    },
    {
      applied: (lines, isOwn) => {
        if (!isOwn)
          for (const { id, reason, mode, targets } of lines)
            if (reason === 'erased' && mode === 'delete') eraseBehind(space, id, targets)
        if (lines.some(({ targets }) => targets.some(({ kind }) => kind === 'all'))) forgetKeys(space)
        for (const line of lines) {
          const isNew = space.watch.history.add(line, clock.now())
          space.watch.because(idAtOrigin(line.id), () => {
            for (const target of line.targets) applyInMemory(space, line, target, isNew)
          })
          // Entries made stale because a region is unheard are not an invalidation.
          if (isOwn || unheardOf(line.id) !== undefined) continue
          if (line.reason !== 'replaced') tellInvalidated(space, line, false)
          space.outlets?.hear(told(line, false))
        }
        if (lines.some(({ targets }) => targets.some(({ kind }) => kind !== 'key'))) parts.moved()
      },
      pushed: (keys, seq) => dropPushed(space, keys, seq),
      lost: (why) => {
        space.loads.outdateAll()
        forgetKeys(space)
        space.watch.history.clear()
        if (why === 'gap') space.watch.counters.gaps++
        else space.watch.counters.epochs++
        space.memory?.clear('epoch_changed')
        events.emit('ledger', { state: why, namespace, epoch: space.ledger.view.epoch })
      },
      reachable: (up, error, isUnheard) => {
        events.emit('ledger', { state: up ? 'up' : 'down', namespace, epoch: space.ledger.view.epoch })
        if (!up) {
          const what = isUnheard ? 'takes no heartbeat of this process' : 'does not answer'
          const message = `${prefix} the shared ledger ${what} (${reasonOf(error)}): memory is not trusted until it does`
          events.emit('warning', { message, error })
        } else if (wasDown) events.emit('warning', { message: `${prefix} the shared ledger answers again` })
        wasDown = !up
      },
    },
  )
  ledger.view.foreign = parts.foreign
  const space: Space = {
    id: { cache: parts.cacheName, name: namespace, prefix },
    settings,
    services: parts.services,
    memory,
    far: parts.far,
    ledger,
    isAlone: ledger.isLocal && parts.foreign === undefined,
    foreign: parts.foreign,
    loads: new InFlightLoads(parts.compile),
    timeouts: new TimeoutQueue(clock),
    fence: new ReadFence(),
    outlets: openOutlets(parts, namespace, prefix, () => space),
    watch: parts.watch.open(namespace),
    writes: new WriteOrder(),
    stamps: new Stamps(),
    codec,
    shapes: new Shapes(),
    select,
    promotions: new Map(),
    delays: new Delays(clock),
    coalescing: new Map(),
    background: new Set(),
    erasers: new Set(),
    queues: new Map(),
    warmth: parts.warmth,
    closed: false,
  }
  return space
}

function openOutlets(parts: SpaceParts, namespace: string, prefix: string, space: () => Space): Outlets | undefined {
  const { outbox, services, trustMs } = parts
  const { clock, events } = services
  const outlets = parts.outlets.filter(({ namespaces }) => namespaces === undefined || namespaces.includes(namespace))
  if (outlets.length === 0) return undefined
  const heard = async (): Promise<'all' | 'late' | 'unreachable'> => {
    try {
      // A process that has not heard by then no longer accepts its copies.
      return (await space().ledger.acked(undefined, trustMs + HEARD_MARGIN_MS)).length === 0 ? 'all' : 'late'
    } catch {
      return 'unreachable'
    }
  }
  return new Outlets(outlets, {
    namespace,
    prefix,
    clock,
    events,
    outbox,
    heard,
    longestLoadMs: () => space().settings.policy.hardMs,
  })
}

/** Margin for a value on its way to a reader. */
const HEARD_MARGIN_MS = 100

/**
 * Affected loads are outdated and keys are dropped at once; tags and patterns, and hidden keys that were not named here
 * lately, are judged when an entry is next read, or by a sweep (`invalid-entry-sweep.ts`).
 */
function applyInMemory(space: Space, line: Line, target: Target, isNew: boolean): void {
  const { memory, loads } = space
  const names = namesOf(space)
  const key = target.kind !== 'key' ? undefined : names === undefined ? target.key : names.keyOf(target.key)
  if (key === undefined) {
    const { view } = space.ledger
    loads.outdateWhere(
      ({ key, tags, asOf }) => asOf.seq < line.seq && view.judgeToKeep(key, tags, asOf.seq) !== 'valid',
    )
    if (target.kind === 'all' && line.mode === 'delete') {
      if (isNew) space.watch.cleared = { at: space.services.clock.now(), receipt: line.id }
      dropOlder(space, line.seq)
    }
    return
  }
  loads.outdateBefore(key, line.seq)
  const slot = memory?.find(key) ?? -1
  if (memory !== undefined && slot >= 0) {
    if (memory.asOf(slot) >= line.seq) return
    if (line.mode === 'delete') memory.drop(key, 'data_changed')
    else expireInMemory(space, memory, slot, key)
  }
  if (isNew && line.mode === 'delete' && space.far.length > 0) noteBelow(space, line, key, slot >= 0)
}

/**
 * A read that follows asks the ledger first (`read-fence.ts`): a load that began before what was pushed is known here
 * would be made again.
 */
function dropPushed(space: Space, keys: readonly string[], seq: number): void {
  const { memory, loads, fence, ledger } = space
  const names = namesOf(space)
  for (const name of keys) {
    const key = names === undefined ? name : names.keyOf(name)
    if (key === undefined) continue
    const slot = memory?.find(key) ?? -1
    const isHeld = memory !== undefined && slot >= 0 && memory.asOf(slot) < seq
    if (isHeld) memory.drop(key, 'data_changed')
    if (isHeld || loads.joinable.get(key) !== undefined) fence.mark(key, ledger)
  }
}

/** Records what happened to a key in the tiers below. A set is a line too, but removes nothing. */
function noteBelow({ watch, services }: Space, { reason }: Line, key: string, wasInMemory: boolean): void {
  const hash = watch.hash(key)
  if (reason === 'replaced') watch.removals.settle(hash)
  else if (!wasInMemory) watch.removals.note(hash, 'invalidated_key', services.clock.now(), Number.POSITIVE_INFINITY)
}

/** A clear that arrives late must not drop entries stored after it. */
function dropOlder(space: Space, seq: number): void {
  const { memory } = space
  if (memory === undefined) return
  if (seq >= space.ledger.view.head) {
    memory.clear('cleared')
    return
  }
  for (const key of [...memory.keys()]) if (memory.asOf(memory.find(key)) < seq) memory.drop(key, 'cleared')
}

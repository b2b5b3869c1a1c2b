// What memory may serve for a key, fresh or stale.
import type { MemorySpace } from '../core/contracts.ts'
import { idAtOrigin } from '../core/relay.ts'
import { currentLoad } from './current-load.ts'
import { noteRead } from './dependencies.ts'
import { entryAt } from './entry-at.ts'
import { expireInMemory } from './expire-in-memory.ts'
import type { ForeignNamespaces } from './foreign-namespaces.ts'
import type { Found } from './found.ts'
import { causeOf } from './misses.ts'
import type { Space } from './space.ts'
import { EACH_TIMED } from './watch.ts'

// The hit path: one look-up, two comparisons, no allocation. Its steps are functions of this file that are not
// exported, and so is its constant: V8 looks up anew at each call what is imported or exported, which is a tenth of a
// hit. Booleans are compared with `true`, because V8 does not know that a field holds nothing else.
const TIMED = EACH_TIMED

/** The slot of an entry that memory may serve as fresh, or -1. */
export function freshSlot(space: Space, key: string): number {
  const { memory } = space
  if (memory === undefined) return -1
  const slot = memory.find(key)
  return slot >= 0 && isServed(space, memory, slot, key) ? slot : -1
}

export function isFreshAt(space: Space, memory: MemorySpace, slot: number, key: string): boolean {
  return isServed(space, memory, slot, key)
}

/** Counts a memory hit and returns its value. */
export function hitValue(space: Space, slot: number, key: string): unknown {
  return space.memory === undefined ? undefined : take(space, space.memory, slot, key)
}

/** The value that memory may serve as fresh, counted as a hit, or undefined: `freshSlot` and `hitValue`. */
export function freshValue(space: Space, key: string): unknown {
  const { memory } = space
  if (memory === undefined) return undefined
  const slot = memory.find(key)
  return slot >= 0 && isServed(space, memory, slot, key) ? take(space, memory, slot, key) : undefined
}

/**
 * An entry the ledger has moved past is judged once and then remembered as valid up to the line that was applied last.
 */
function isServed(space: Space, memory: MemorySpace, slot: number, key: string): boolean {
  // In this order: reading the clock may move the entry's times (`Clock.onSetBack`).
  const now = space.services.clock.coarse
  if (!memory.isCurrent(slot, now, space.ledger.view.head) && !isStillGood(space, memory, slot, key, now)) return false
  return space.isAlone === true || isHeard(space, memory, slot, key)
}

function take(space: Space, memory: MemorySpace, slot: number, key: string): unknown {
  const { watch } = space
  if ((++watch.counters.memoryHits & TIMED) === 1) timeHit(space, memory, key)
  memory.hit(slot)
  if (watch.log !== undefined) watch.log.note(slot)
  if (watch.each !== undefined || space.services.events.hearsHits || space.settings.dependencies === 'tracked')
    tellHit(space, memory, slot, key)
  return memory.value(slot)
}

/** Whether the entry is fresh and, if the ledger has advanced, still valid. */
function isStillGood(space: Space, memory: MemorySpace, slot: number, key: string, now: number): boolean {
  return memory.freshUntil(slot) > now && confirm(space, memory, key, slot)
}

/** Whether nothing recorded elsewhere invalidates it. */
function isHeard(space: Space, memory: MemorySpace, slot: number, key: string): boolean {
  const { ledger, foreign } = space
  return ledger.trusted() && (foreign === undefined || isForeignValid(space, foreign, memory, key, slot))
}

const REASONS = { key: 'data_changed', tag: 'tag_based', pattern: 'pattern_based', clear: 'cleared' } as const

function confirm(space: Space, memory: MemorySpace, key: string, slot: number): boolean {
  const { view } = space.ledger
  const judgement = view.judgeToKeep(key, memory.tags(slot), memory.asOf(slot))
  if (judgement === 'valid') {
    if (view.last > memory.asOf(slot)) memory.confirm(slot, view.last)
    return true
  }
  giveUp(space, memory, key, slot, judgement)
  return false
}

/** While another ledger has to be asked, the entry stays but is not served. */
function isForeignValid(
  space: Space,
  foreign: ForeignNamespaces,
  memory: MemorySpace,
  key: string,
  slot: number,
  isForReader = true,
): boolean {
  const judgement = foreign.judge(memory.tags(slot), isForReader)
  if (judgement === 'invalid' || judgement === 'stale') giveUp(space, memory, key, slot, judgement)
  return judgement === 'valid'
}

/** Judges an entry without a reader: drops an invalid one, and spares the next read from judging a valid one. */
export function settle(space: Space, memory: MemorySpace, slot: number, key: string): void {
  if (memory.asOf(slot) < space.ledger.view.head && !confirm(space, memory, key, slot)) return
  if (space.foreign !== undefined) isForeignValid(space, space.foreign, memory, key, slot, false)
}

/** The entry was invalidated or made stale: drops it or marks it, and records by what. */
function giveUp(space: Space, memory: MemorySpace, key: string, slot: number, judgement: 'invalid' | 'stale'): void {
  const { watch, ledger } = space
  const blame = ledger.view.blame(key, memory.tags(slot), memory.asOf(slot))
  const seen = blame === undefined ? undefined : watch.history.find(blame.seq)
  const receipt = seen === undefined ? undefined : idAtOrigin(seen.line.id)
  const giveIt = (): void => {
    if (judgement === 'stale') expireInMemory(space, memory, slot, key, causeOf(blame))
    else {
      watch.counters.memoryInvalidated++
      memory.drop(key, REASONS[blame?.kind ?? 'clear'])
    }
  }
  watch.because(receipt, giveIt, blame?.name === '' ? undefined : blame?.name)
}

/** `true`: memory holds the key, fresh; its eviction policy has been told that it will be read soon. Not a read. */
export function keepInMemory(space: Space, key: string): boolean {
  const slot = freshSlot(space, key)
  if (slot >= 0) space.memory?.keep(slot)
  return slot >= 0
}

/** Separate from `take`, which V8 inlines into its callers only while it is small. */
function tellHit(space: Space, memory: MemorySpace, slot: number, key: string): void {
  const { services, settings, watch } = space
  if (settings.dependencies === 'tracked' && currentLoad() !== undefined)
    noteRead(space, key, memory.tags(slot), { epoch: space.ledger.view.epoch, seq: memory.asOf(slot) })
  if (services.events.hearsHits) services.events.emit('hit', { key, namespace: space.id.name, tier: 'memory' })
  watch.each?.hit(memory.hash(slot), memory.weight(slot), key, space.id.name, 'memory')
}

/**
 * Repeats the work of the hit to time it. Takes the shorter of two times: a pause of the process must not stand for a
 * thousand hits.
 */
function timeHit(space: Space, memory: MemorySpace, key: string): void {
  const { clock } = space.services
  let ms = Number.POSITIVE_INFINITY
  for (let turn = 0; turn < 2; turn++) {
    const began = clock.monotonic()
    const slot = freshSlot(space, key)
    if (slot >= 0) memory.value(slot)
    ms = Math.min(ms, clock.monotonic() - began)
  }
  space.watch.timeHit(ms)
}

/** A hit within a call that is timed as a whole. */
export function hitInCall(space: Space, slot: number, key: string, isQuiet: boolean): Found | undefined {
  if (!isQuiet) space.watch.counters.hitsInCalls++
  return hitAt(space, slot, key, isQuiet)
}

/** A hit as a record. A quiet one is not counted, not even by the eviction policy. */
export function hitAt(space: Space, slot: number, key: string, isQuiet: boolean): Found | undefined {
  const { memory, ledger } = space
  return memory === undefined
    ? undefined
    : entryAt(memory, ledger.view, key, slot, isQuiet ? memory.value(slot) : hitValue(space, slot, key))
}

/** An expired entry that was not invalidated and is at most `ms` past its freshness. */
export function staleInMemory(space: Space, key: string, ms: number): Found | undefined {
  const { memory, ledger } = space
  if (memory === undefined || ms <= 0 || !ledger.trusted()) return undefined
  const slot = memory.find(key)
  const now = space.services.clock.now()
  if (slot < 0 || memory.staleUntil(slot) <= now || memory.freshUntil(slot) + ms <= now) return undefined
  if (ledger.view.judge(key, memory.tags(slot), memory.asOf(slot)) === 'invalid') return undefined
  return { ...entryAt(memory, ledger.view, key, slot), isStale: true }
}

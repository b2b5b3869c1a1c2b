// Steps of one namespace on their way to the ledger: those that come within one turn, or while others are under way,
// are merged into one.
//
// A store takes one step after the other, so fifty thousand of them would only keep each other waiting. A merged step
// must mean exactly what its parts mean one after the other: no part may name what another one writes, holds or
// watches, and a step that concerns more than it names (a pattern, a clear) goes alone. Invalidations of the same key
// are named once: a key that is invalidated a hundred times while a slow store takes one step is one target of the
// next.
import type { Advanced, Change, Clock, LedgerStore } from '../core/contracts.ts'
import { stampOf, type Target } from '../core/ledger.ts'
import type { Command } from '../wrap/command.ts'
import { Gate } from '../wrap/gate.ts'
import { Queue } from '../wrap/queue.ts'
import { sharedBy } from './ledger-shared.ts'
import { MAX_STEP, type Pace } from './ledger-steps.ts'

/**
 * Steps that are sent before the store has answered: it takes one after the other, and the second one's deadline runs
 * meanwhile.
 */
const MAX_RUNNING = 2
/** The most bytes of entries in one merged step. */
const MAX_BYTES = 2 ** 21

export type LedgerQueue = Queue<Change, Advanced>

const gates = sharedBy((store, clock) => new Gate(clock, store.stepsAtOnce ?? Number.POSITIVE_INFINITY))

/** The steps of all namespaces of this process to one store go through one gate, if it takes only so many at once. */
export function gateOf(store: LedgerStore | undefined, clock: Clock): Gate | undefined {
  return store?.stepsAtOnce === undefined ? undefined : gates(store, clock)
}

/** `run` sends one step; `pace` learns how large a step may be. */
export function ledgerQueue(
  namespace: string,
  clock: Clock,
  silentMs: () => number,
  pace: Pace,
  gate: Gate | undefined,
  run: (change: Change, command: Command) => Promise<Advanced>,
): LedgerQueue {
  // If the store cannot tell for each dropped key whether it was there, a merged step could not say which of its parts
  // removed what.
  let tellsDrops = false
  return new Queue<Change, Advanced>({
    what: `ledger ${namespace} advance`,
    clock,
    gate,
    limits: { calls: MAX_RUNNING, items: MAX_STEP, weight: MAX_BYTES },
    get silentMs() {
      return silentMs()
    },
    weigh: ({ write }) => write.reduce((sum, { body }) => sum + body.length, 0),
    together: () => joining(pace.most, tellsDrops),
    async send(changes, command) {
      const step = merge(changes)
      const began = clock.monotonic()
      const advanced = await run(step, command)
      pace.took(step.targets.length, clock.monotonic() - began)
      if (advanced.wasThere !== undefined) tellsDrops = true
      return changes.length === 1 ? [advanced] : partsOf(advanced, changes)
    },
  })
}

/** Tells of each next change whether it may join the changes that were accepted before it. */
function joining(most: number, tellsDrops: boolean): (change: Change) => boolean {
  const named = new Set<string>()
  /** Named by a change that does more than to invalidate. */
  const moved = new Set<string>()
  const watched = new Set<string>()
  let first: Change | undefined
  let isFull = false
  const note = (change: Change, names: readonly string[], watches: readonly string[]): void => {
    isFull ||= !mayGoTogether(change, tellsDrops)
    for (const name of names) named.add(name)
    if (!onlyInvalidates(change)) for (const name of names) moved.add(name)
    for (const tag of watches) watched.add(tag)
  }
  return (change) => {
    // Most steps stay alone, and need not be compared with anything.
    if (first === undefined) {
      first = change
      return true
    }
    if (named.size === 0) note(first, first.targets.map(nameOf), watchedBy(first))
    const names = change.targets.map(nameOf)
    const watches = watchedBy(change)
    const clashing = onlyInvalidates(change) ? moved : named
    isFull ||= !saysTheSame(first, change)
    isFull ||= names.some((name) => clashing.has(name) || watched.has(name)) || watches.some((tag) => named.has(tag))
    note(change, names, watches)
    isFull ||= named.size > most
    return !isFull
  }
}

const onlyInvalidates = ({ write, hold, settles }: Change): boolean =>
  write.length === 0 && hold === undefined && settles === undefined

/** A pattern or a clear concerns keys that it does not name. */
function mayGoTogether({ targets, drop }: Change, tellsDrops: boolean): boolean {
  if (drop.length > 0 && !tellsDrops) return false
  return targets.every(({ kind }) => kind === 'key' || kind === 'tag')
}

function saysTheSame(first: Change, change: Change): boolean {
  return (
    first.hold === change.hold &&
    first.settles?.epoch === change.settles?.epoch &&
    first.mode === change.mode &&
    first.reason === change.reason &&
    sinceOf(first) === sinceOf(change) &&
    // The merged step has one id, and with it one stamp.
    stampOf(first.id) === stampOf(change.id)
  )
}

/** Numbers of two epochs cannot be compared. A change without a write has nothing to compare. */
function sinceOf({ write, unmovedSince }: Change): string {
  return write.length === 0 ? '' : (unmovedSince?.epoch ?? 'always')
}

const watchedBy = ({ watch = [] }: Change): string[] => watch.flatMap((tags) => tags.map((tag) => `t${tag}`))

function nameOf(target: Target): string {
  return target.kind === 'key' ? `k${target.key}` : target.kind === 'tag' ? `t${target.tag}` : target.kind
}

/**
 * The i-th write belongs to the i-th target, so the targets of entries come first. Unmoved since the oldest of their
 * positions is the strictest.
 */
function merge(changes: readonly Change[]): Change {
  const [first] = changes
  if (first === undefined) throw new Error('an empty step')
  if (changes.length === 1) return first
  const { hold, settles } = first
  const since = changes.flatMap(({ unmovedSince }) => unmovedSince ?? []).sort((a, b) => a.seq - b.seq)[0]
  return {
    mode: first.mode,
    reason: first.reason,
    id: first.id,
    targets: [
      ...changes.flatMap(({ targets, write }) => targets.slice(0, write.length)),
      ...othersOf(changes, hold !== undefined || settles !== undefined),
    ],
    drop: [...new Set(changes.flatMap(({ drop }) => drop))],
    write: changes.flatMap(({ write }) => write),
    ...(hold !== undefined && { hold }),
    ...(settles !== undefined && {
      settles: {
        epoch: settles.epoch,
        seqs: [
          ...changes.flatMap((change) => endsOf(change, 0, change.write.length)),
          ...changes.flatMap((change) => endsOf(change, change.write.length)),
        ],
      },
    }),
    ...(since !== undefined && { unmovedSince: since }),
    watch: changes.flatMap(({ write, watch }) => write.map((_, at) => watch?.[at] ?? [])),
  }
}

/** Targets to which no entry is written: each once, unless something else is told of each. */
function othersOf(changes: readonly Change[], isOfHolds: boolean): Target[] {
  const all = changes.flatMap(({ targets, write }) => targets.slice(write.length))
  return isOfHolds ? all : [...new Map(all.map((target) => [nameOf(target), target])).values()]
}

function endsOf({ targets, settles }: Change, from: number, to = targets.length): (number | undefined)[] {
  return targets.slice(from, to).map((_, at) => settles?.seqs[from + at])
}

function partsOf({ position, wasThere = [], stored = [] }: Advanced, changes: readonly Change[]): Advanced[] {
  const dropped = new Set<string>()
  let writes = 0
  return changes.map(({ drop, write, unmovedSince, settles }) => {
    // A key that several name was there for the first of them.
    const there = drop.map((key) => !dropped.has(key) && wasThere[dropped.add(key).size - 1] === true)
    const kept = stored.slice(writes, writes + write.length)
    writes += write.length
    return {
      position,
      dropped: there.filter(Boolean).length,
      wasThere: there,
      ...((unmovedSince ?? settles) !== undefined && { stored: kept }),
    }
  })
}

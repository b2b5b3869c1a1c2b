// Steps of one namespace on their way to the ledger: those that come within one turn, or while others are under way,
// are merged into one.
//
// A store takes one step after the other, so fifty thousand of them would only keep each other waiting. A merged step
// must mean exactly what its parts mean one after the other: no part may name what another one names or watches, and a
// step that concerns more than it names (a pattern, a clear) goes alone.
import type { Advanced, Change, Clock } from '../core/contracts.ts'
import { stampOf, type Target } from '../core/ledger.ts'
import type { Command } from '../wrap/command.ts'
import { Queue } from '../wrap/queue.ts'
import { MAX_STEP, type Pace } from './ledger-steps.ts'

/**
 * Steps that are sent before the store has answered: it takes one after the other, and the second one's deadline runs
 * meanwhile.
 */
const MAX_RUNNING = 2
/** The most bytes of entries in one merged step. */
const MAX_BYTES = 2 ** 21

export type LedgerQueue = Queue<Change, Advanced>

/** `run` sends one step; `pace` learns how large a step may be. */
export function ledgerQueue(
  namespace: string,
  clock: Clock,
  silentMs: () => number,
  pace: Pace,
  run: (change: Change, command: Command) => Promise<Advanced>,
): LedgerQueue {
  // If the store cannot tell for each dropped key whether it was there, a merged step could not say which of its parts
  // removed what.
  let tellsDrops = false
  return new Queue<Change, Advanced>({
    what: `ledger ${namespace} advance`,
    clock,
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
  const watched = new Set<string>()
  let first: Change | undefined
  let targets = 0
  let isFull = false
  return (change) => {
    const names = change.targets.map(nameOf)
    const watches = watchedBy(change)
    const isFirst = first === undefined
    first ??= change
    targets += names.length
    isFull ||= !mayGoTogether(change, tellsDrops)
    if (!isFirst) {
      isFull ||= targets > most || !saysTheSame(first, change)
      isFull ||= names.some((name) => named.has(name) || watched.has(name)) || watches.some((tag) => named.has(tag))
    }
    for (const name of names) named.add(name)
    for (const tag of watches) watched.add(tag)
    return !isFull
  }
}

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
      ...changes.flatMap(({ targets, write }) => targets.slice(write.length)),
    ],
    drop: changes.flatMap(({ drop }) => drop),
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

function endsOf({ targets, settles }: Change, from: number, to = targets.length): (number | undefined)[] {
  return targets.slice(from, to).map((_, at) => settles?.seqs[from + at])
}

function partsOf({ position, wasThere = [], stored = [] }: Advanced, changes: readonly Change[]): Advanced[] {
  let drops = 0
  let writes = 0
  return changes.map(({ drop, write, unmovedSince, settles }) => {
    const there = wasThere.slice(drops, drops + drop.length)
    const kept = stored.slice(writes, writes + write.length)
    drops += drop.length
    writes += write.length
    return {
      position,
      dropped: there.filter(Boolean).length,
      wasThere: there,
      ...((unmovedSince ?? settles) !== undefined && { stored: kept }),
    }
  })
}

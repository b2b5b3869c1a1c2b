// An erasure in a tier: matching records, unreadable ones, and orphaned pieces; including invalid and superseded ones.
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import type { Scope } from '../core/contracts.ts'
import { MillpondError, reasonOf } from '../core/errors.ts'
import type { Attempt } from '../wrap/attempt.ts'
import { isPiece, piecesOf } from '../wrap/pieces.ts'
import { storageName } from '../wrap/storage-name.ts'
import { codecOf } from './encoding.ts'
import { type ErasureTargets, isMeantBy, isNamedBy } from './erase-here.ts'
import { listed } from './listing.ts'
import { type FarTier, ledgerTier, type Space } from './space.ts'

/** Records per step. */
const STEP = 256
/** After the longest timeout of a command, in milliseconds: earlier commands have arrived, or never will. */
const SLACK_MS = 50

/**
 * Everything that matches; in a tier that cannot list, what is identified by its key. Resolves with how many there
 * were.
 * @throws MillpondError `TIER_FAILED`.
 */
export async function eraseFar(space: Space, far: FarTier, meant: ErasureTargets | undefined): Promise<number> {
  const { guarded } = far
  const { prefix } = space.id
  if (meant === undefined) return cleared(await guarded.clear(prefix), guarded.name)
  const named = [...meant.keys].map((key) => storageName(prefix, key))
  if (guarded.tier.scan !== undefined && !isNamedOut(space, far, meant)) return sweep(space, far, meant)
  let removed = 0
  for (let from = 0; from < named.length; from += STEP) removed += await dropWhole(far, named.slice(from, from + STEP))
  return removed
}

const SCOPES: readonly Scope[] = ['process', 'host', 'shared']

/**
 * Whether others with the same ledger use another store of this tier: other hosts their own files, other processes
 * their own memory.
 */
export function isOfFew(space: Space, { guarded }: FarTier): boolean {
  const holder = ledgerTier(space)?.guarded.tier.ledger
  return holder !== undefined && SCOPES.indexOf(guarded.tier.scope) < SCOPES.indexOf(holder.scope)
}

/** When everything that this process has sent to its tiers has arrived, or never will. */
export function arrived({ far, services }: Space): Promise<void> {
  const longest = Math.max(0, ...far.map(({ guarded }) => guarded.settings.timeoutMs))
  return new Promise((resolve) => services.clock.after(longest + SLACK_MS, resolve, true))
}

/** Each match is identified, and in one place. */
export function isNamedOut({ settings }: Space, { guarded }: FarTier, meant: ErasureTargets): boolean {
  const isInPieces = guarded.limits.itemBytes !== Number.POSITIVE_INFINITY
  return settings.dependencies === 'off' && !isInPieces && meant.tags.size === meant.keys.size
}

/** Including the pieces that they list. */
export async function dropWhole({ guarded }: FarTier, names: readonly string[]): Promise<number> {
  const isInPieces = guarded.limits.itemBytes !== Number.POSITIVE_INFINITY
  const records = isInPieces ? await guarded.tier.read(names) : []
  const pieces = records.flatMap((record, at) => (record === undefined ? [] : piecesOf(names[at] ?? '', record.body)))
  return cleared(await guarded.drop([...names, ...pieces]), guarded.name)
}

/** Entries first: the pieces that they list are kept, and all others belong to replaced or erased entries. */
async function sweep(space: Space, far: FarTier, meant: ErasureTargets): Promise<number> {
  const { guarded } = far
  // Entries written before keys were hidden contain their names.
  const isMeant = isMeantBy(space, meant)
  const kept = new Set<string>()
  const pieces: string[] = []
  let removed = 0
  for await (const found of listed(space, far, space.id.prefix)) {
    pieces.push(...found.filter(isPiece))
    const names = found.filter((name) => !isPiece(name))
    for (let from = 0; from < names.length; from += STEP) {
      const some = names.slice(from, from + STEP)
      const records = await guarded.tier.read(some)
      const whole = await wholeOf(far, some, records)
      const going = some.filter((name, at) => {
        const body = whole[at]
        const its = body === undefined ? undefined : codecOf(space, far).names?.(body)
        if (its === undefined || isNamedBy(meant, its.key, its.tags) || isMeant(its.key, () => its.tags)) return true
        for (const piece of piecesOf(name, records[at]?.body ?? NOTHING)) kept.add(piece)
        return false
      })
      if (going.length > 0) removed += cleared(await guarded.drop(going), guarded.name)
      await yieldToOthers()
    }
  }
  const orphans = pieces.filter((piece) => !kept.has(piece))
  for (let from = 0; from < orphans.length; from += STEP)
    removed += cleared(await guarded.drop(orphans.slice(from, from + STEP)), guarded.name)
  return removed
}

const NOTHING = new Uint8Array()

/** A list of pieces contains no key and tags; if its pieces cannot be assembled it counts as damaged, and is erased. */
async function wholeOf(
  { guarded }: FarTier,
  names: readonly string[],
  records: Awaited<ReturnType<FarTier['guarded']['tier']['read']>>,
): Promise<(Uint8Array | undefined)[]> {
  const inPieces = names.filter((name, at) => piecesOf(name, records[at]?.body ?? NOTHING).length > 0)
  const read = inPieces.length === 0 ? undefined : await guarded.read(inPieces)
  if (read?.ok === false) throw unanswered(guarded.name, read.cause)
  return names.map((name, at) => {
    const index = inPieces.indexOf(name)
    return index < 0 ? records[at]?.body : (read?.value[index]?.body ?? NOTHING)
  })
}

function cleared(attempt: Attempt<number>, name: string): number {
  if (attempt.ok) return attempt.value
  throw unanswered(name, attempt.cause)
}

/** @param cause undefined if its breaker is open: it was not called */
const unanswered = (name: string, cause: unknown): MillpondError =>
  new MillpondError(
    'TIER_FAILED',
    `${name} did not answer while it was searched (${cause === undefined ? 'its breaker is open' : reasonOf(cause)}): erase again`,
    { cause },
  )

// Selects the entries that a warm restart keeps: the hottest of each namespace, ordered by their heat overall.
import type { MemorySpace } from '../core/contracts.ts'
import { hottestKeys } from '../memory/hottest.ts'
import { type SnapshotEntry, writeSnapshot } from '../memory/snapshot.ts'
import { Turns } from '../memory/turns.ts'
import { entryAt } from './entry-at.ts'
import type { RestartOptions, RestartParts } from './restart-parts.ts'
import type { Space } from './space.ts'

/**
 * Ledgers asked at a time: if asked one after the other, the first answer would be too old when the last one arrives.
 */
const TOGETHER = 32

interface HotEntry {
  readonly space: Space
  readonly memory: MemorySpace
  readonly key: string
}

/**
 * Writes the hottest entries of the given spaces. If no ledger answers, the existing file is kept as the best
 * available: each of its entries is judged when it is read. Except if it has to be removed, since something in it was
 * erased.
 */
export async function saveHottest(
  parts: RestartParts,
  options: RestartOptions,
  spaces: readonly Space[],
  hasToGo = false,
): Promise<void> {
  const { cacheName: cache, services } = parts
  const holding = spaces.filter(({ memory }) => memory !== undefined && memory.size > 0)
  // A ledger that has not been asked lately is not confirmed either: ask it.
  const known = await confirmed(holding)
  if (!hasToGo && holding.length > 0 && known.length === 0) return
  const codecs = new Map(spaces.map(({ id, codec }) => [id.name, codec]))
  const meta = { savedAt: services.clock.now(), cache }
  const entries = entriesOf(await hottestOfAll(known, options.maxEntries))
  await writeSnapshot(options.path, entries, meta, (space) => codecs.get(space) ?? services.codec)
}

/** Those whose ledger answers; what has moved in the others is unknown. */
async function confirmed(spaces: readonly Space[]): Promise<readonly Space[]> {
  const known: Space[] = []
  for (let at = 0; at < spaces.length; at += TOGETHER) {
    const some = spaces.slice(at, at + TOGETHER)
    const answers = await Promise.all(some.map(({ ledger }) => ledger.confirm()))
    known.push(...some.filter((_, which) => answers[which]))
  }
  return known
}

/**
 * Each space that holds something gets one entry, and a share of the rest of the limit in proportion to what else it
 * holds. Rounding the sums, not the shares, uses the limit exactly.
 */
async function hottestOfAll(spaces: readonly Space[], limit: number): Promise<HotEntry[]> {
  const known = spaces
    .flatMap((space) =>
      space.memory === undefined ? [] : [{ space, memory: space.memory, others: space.memory.size - 1 }],
    )
    .filter(({ others }) => others >= 0)
    .slice(0, limit)
  const total = known.reduce((sum, { others }) => sum + others, 0)
  const rest = Math.min(limit - known.length, total)
  const upTo = (held: number): number => Math.round((held / Math.max(1, total)) * rest)
  const byHits: HotEntry[][] = []
  let held = 0
  for (const { space, memory, others } of known) {
    const share = 1 + upTo(held + others) - upTo(held)
    held += others
    for (const { key, hits } of await hottestKeys(memory, share)) {
      byHits[hits] ??= []
      byHits[hits].push({ space, memory, key })
    }
  }
  return byHits.reverse().flat()
}

/**
 * Entries may take longer to be encoded and written than an answer of the ledger is valid: those whose time is over
 * are asked about again, with the next ones. A ledger that does not answer is left alone for as many entries.
 */
async function* entriesOf(hottest: readonly HotEntry[]): AsyncGenerator<SnapshotEntry> {
  const turns = new Turns()
  const silentUntil = new Map<Space, number>()
  for (const [at, hot] of hottest.entries()) {
    const { space } = hot
    if (!space.ledger.isTrusted && at >= (silentUntil.get(space) ?? 0)) {
      const next = new Set(hottest.slice(at, at + TOGETHER).map((one) => one.space))
      const known = new Set(await confirmed([...next]))
      for (const one of next) if (!known.has(one)) silentUntil.set(one, at + TOGETHER)
      // The slowest of them may have answered when the answer about this one was over.
      if (known.has(space)) await space.ledger.confirm()
    }
    const entry = entryOf(hot)
    if (entry !== undefined) yield entry
    await turns.rest()
  }
}

/** `undefined` if it is gone, expired, or no longer accepted. */
function entryOf({ space, memory, key }: HotEntry): SnapshotEntry | undefined {
  const { ledger } = space
  const { clock } = space.services
  const slot = memory.find(key)
  if (slot < 0 || memory.staleUntil(slot) <= clock.now() || !ledger.isTrusted) return undefined
  const held = entryAt(memory, ledger.view, key, slot)
  if (ledger.view.judge(key, held.tags, held.asOf.seq) === 'invalid') return undefined
  return {
    ...held,
    space: space.id.name,
    hits: memory.hits(slot),
    weight: memory.weight(slot),
  }
}

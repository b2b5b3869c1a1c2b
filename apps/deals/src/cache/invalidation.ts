// Invalidation: after a write exactly what it touched; on demand an organisation, a user, a kind, a layer, everything.
import type { Receipt } from 'millpond'
import type { Database, Writer } from '../db/database.ts'
import { scope } from '../db/versions.ts'
import type { Pictures } from '../pictures.ts'
import { type Changed, type Committed, commitAll, forgetNotes, pendingNotes } from '../writes/commit.ts'
import { Refused } from '../writes/refused.ts'
import type { Acked, EdgeState, Front } from './front.ts'
import { groupTag, type KindName } from './kinds.ts'
import type { Layer, LayerName, Question } from './layer.ts'
import type { Caches } from './open-caches.ts'
import { asked, asResponse } from './strategic.ts'
import { tokenOf } from './token.ts'

/** The answer to a write. */
export interface Written<T> {
  readonly data: T
  readonly versions: Readonly<Record<string, number>>
  readonly write: number
  /**
   * `pending`: committed, but the cache's shared tier is unreachable; it will be told later, and this process has
   * already applied it.
   */
  readonly invalidation: 'done' | 'pending' | 'off'
  /** What was invalidated; absent if nothing was, or could not be yet. */
  readonly forgotten: Forgotten | undefined
}

/** The result of an invalidation in one layer. */
export interface LayerReceipt {
  readonly layer: LayerName
  /** As the log and `explain` name it. */
  readonly id: string
  readonly ms: number
  readonly tiers: readonly { readonly name: string; readonly ok: boolean }[]
}

export interface Forgotten {
  readonly tags: readonly string[]
  readonly ms: number
  readonly receipts: readonly LayerReceipt[]
  /** Absent: there is no edge. */
  readonly edge?: EdgeState
  /** The result in each region within `REGIONS_MS`, this one first. Absent: there are none. */
  readonly regions?: Receipt['regions']
  /** With this token, a read sees nothing older. */
  readonly token: string
}

type Work<T> = (tx: Writer) => Promise<Changed<T>>

export interface WriteOptions {
  /** A collection writes it, and invalidates the cache of records itself. Default false. */
  readonly isThrough?: boolean
}

export interface Invalidation {
  /** Runs a write and invalidates what it touched before it answers. @throws Refused */
  write<T>(work: Work<T>, options?: WriteOptions): Promise<Written<T>>
  /** Several in one transaction. A refused one does not affect the others. */
  writeAll<T>(works: readonly Work<T>[], options?: WriteOptions): Promise<readonly (Written<T> | Refused)[]>
  invalidateOrganizationCaches(id: number): Promise<Forgotten>
  /** Everything derived from a user's data; with an organisation, what the user is shown there. */
  invalidateUserRelatedCaches(userId: number, organizationId?: number): Promise<Forgotten>
  /**
   * Kinds of one organisation, or of all (null). `layer` `response` leaves the strategic cache as it is; otherwise both
   * are invalidated.
   */
  invalidateKinds(kinds: readonly KindName[], organizationId: number | null, layer?: Layer['name']): Promise<Forgotten>
  /** Applies the notes of writes whose invalidation was never acknowledged. Resolves with how many there were. */
  settlePending(): Promise<number>
}

export interface InvalidationOptions {
  readonly db: Database
  /** Bottom-up: the strategic cache is invalidated before the responses that are made from it. */
  readonly layers: readonly [strategic: Layer, response: Layer]
  /** Rows by their ids. */
  readonly records: Caches['records']
  /** Derived from the data. Undefined: there are none. */
  readonly pictures: Pick<Pictures, 'forget'> | undefined
  /** Made from the responses, so invalidated last, whichever layer was meant. */
  readonly front: Pick<Front, 'forget'>
  /** False: writes invalidate nothing, answers are as old as their TTL. */
  readonly isEnabled: boolean
  /** Scopes with this prefix are skipped: only for proving that such a fault is detected. */
  readonly plantedFault: string | undefined
}

/** For tags: whether a record carries it. */
const isOfRecord = (tag: string): boolean => tag.startsWith('deal:') || tag.startsWith('user:')

/** How long a write's answer waits for the other regions. */
const REGIONS_MS = 2_000

const tenth = (ms: number): number => Math.round(ms * 10) / 10

export function createInvalidation({
  db,
  layers,
  records,
  pictures,
  front,
  isEnabled,
  plantedFault,
}: InvalidationOptions): Invalidation {
  const token = (): string => tokenOf([...layers.map(({ cache }) => cache), records])
  /**
   * If a layer's shared tier is unreachable, this process still applies the invalidation, and the other layer is still
   * told.
   */
  const forgetHere = async (
    tags: readonly string[],
    { only, isThrough = false }: WriteOptions & { readonly only?: Layer['name'] | undefined } = {},
  ): Promise<ForgottenHere> => {
    const from = performance.now()
    const failures: unknown[] = []
    const receipts: LayerReceipt[] = []
    const steps: Step[] = []
    const failed = (error: unknown): undefined => {
      failures.push(error)
    }
    for (const layer of layers) {
      if (only !== undefined && layer.name !== only) continue
      const receipt = await layer.cache?.invalidateTags(tags).then(applied).catch(failed)
      if (receipt === undefined) continue
      receipts.push(shownReceipt(layer.name, receipt))
      steps.push(receipt)
    }
    const ofRecords = isThrough || only !== undefined ? [] : tags.filter(isOfRecord)
    const ofRows =
      ofRecords.length > 0 ? await records?.invalidateTags(ofRecords).then(applied).catch(failed) : undefined
    await pictures?.forget(tags).catch(failed)
    const atFront = await front.forget(tags).catch(failed)
    if (failures.length > 0) throw failures[0]
    const ms = tenth(performance.now() - from)
    const edge = atFront?.edge
    return {
      forgotten: { tags, ms, receipts, token: token(), ...(edge !== undefined && { edge }) },
      steps: [...steps, ...(ofRows ? [ofRows] : []), ...(atFront ? [atFront] : [])],
    }
  }
  const forget = async (...about: Parameters<typeof forgetHere>): Promise<Forgotten> =>
    everywhere(await forgetHere(...about))
  /** The HTTP cache holds only public answers, so nothing of a single user. */
  const forgetKeys = async (questions: readonly Question[]): Promise<Forgotten> => {
    const from = performance.now()
    const receipts: LayerReceipt[] = []
    const steps: Step[] = []
    for (const layer of layers) {
      const keys = questions.map((question) => (layer.name === 'response' ? asResponse(question).key : question.key))
      const receipt = await layer.cache?.invalidate({ keys })
      if (receipt === undefined) continue
      receipts.push(shownReceipt(layer.name, receipt))
      steps.push(receipt)
    }
    return everywhere({ forgotten: { tags: [], ms: tenth(performance.now() - from), receipts, token: token() }, steps })
  }
  const settlePending = async () => {
    const notes = await pendingNotes(db)
    if (notes.length === 0) return 0
    await forgetHere([...new Set(notes.flatMap((note) => note.tags))])
    await forgetNotes(
      db,
      notes.map((note) => note.id),
    )
    return notes.length
  }
  const told = async <T>(
    done: readonly Committed<T>[],
    options: WriteOptions,
  ): Promise<Pick<Written<T>, 'invalidation' | 'forgotten'>> => {
    const notes = [...new Set(done.map(({ noteId }) => noteId))]
    if (!isEnabled) {
      await forgetNotes(db, notes)
      return { invalidation: 'off', forgotten: undefined }
    }
    try {
      const touched = [...new Set(done.flatMap((one) => one.touched))]
      const tags = plantedFault === undefined ? touched : touched.filter((tag) => !tag.startsWith(plantedFault))
      const here = tags.length > 0 ? await forgetHere(tags, options) : undefined
      // From now on it is in the ledger, where the other regions find it.
      await forgetNotes(db, notes)
      return { invalidation: 'done', forgotten: here && (await everywhere(here)) }
    } catch {
      // The write is committed and its note is kept: a job settles it as soon as the shared tier answers.
      return { invalidation: 'pending', forgotten: undefined }
    }
  }
  const writeAll = async <T>(
    works: readonly Work<T>[],
    options: WriteOptions = {},
  ): Promise<(Written<T> | Refused)[]> => {
    const outcomes = await commitAll(db, works)
    const done = outcomes.filter((outcome): outcome is Committed<T> => !(outcome instanceof Refused))
    const shared = await told(done, options)
    return outcomes.map((outcome) => {
      if (outcome instanceof Refused) return outcome
      const { data, versions, write } = outcome
      return { data, versions, write, ...shared }
    })
  }
  return {
    write: async (work, options) => {
      const [outcome] = await writeAll([work], options)
      if (outcome === undefined || outcome instanceof Refused) throw outcome ?? new Error('nothing was written')
      return outcome
    },
    writeAll,
    invalidateOrganizationCaches: (id) => forget([groupTag.organization(id)]),
    invalidateUserRelatedCaches: (userId, organizationId) =>
      organizationId === undefined
        ? forget([scope.user(userId)])
        : forgetKeys([asked.permissions(userId, organizationId), asked.dashboard(userId, organizationId)]),
    invalidateKinds: (kinds, id, layer) =>
      forget(
        kinds.map((kind) => (id === null ? groupTag.kind(kind) : groupTag.both(kind, id))),
        { only: layer === 'response' ? layer : undefined },
      ),
    settlePending,
  }
}

/**
 * An invalidation that is only in the outbox, like a failed one, is in force in this process only: the write's note
 * stays until the shared tier has it.
 * @throws Error
 */
function applied(receipt: Receipt): Receipt {
  if (!receipt.isApplied) throw new Error('the invalidation has not reached the shared tier')
  return receipt
}

const shownReceipt = (layer: LayerName, { id, ms, tiers }: Receipt): LayerReceipt => ({
  layer,
  id,
  ms: tenth(ms),
  tiers,
})

/** A step of one of the namespaces. */
interface Step {
  readonly acked: Acked | undefined
  /** Absent for a purge, which has none. */
  readonly regions?: Receipt['regions']
}

/** In this region; the others have not been waited for. */
interface ForgottenHere {
  readonly forgotten: Forgotten
  readonly steps: readonly Step[]
}

/** All steps are awaited together; a region has applied the whole when it has applied each of them. */
async function everywhere({ forgotten, steps }: ForgottenHere): Promise<Forgotten> {
  const told = steps.flatMap(({ regions = [] }) => (regions.length > 0 ? [regions] : []))
  const [first] = told
  if (first === undefined) return forgotten
  const own = first[0]?.region
  const late = await Promise.all(steps.map(({ acked }) => acked?.({ timeout: REGIONS_MS }).catch(() => undefined)))
  const isLate = (region: string): boolean =>
    region === own
      ? told.some(([step]) => step?.state === 'queued')
      : late.some((names) => names === undefined || names.includes(`region:${region}`))
  return {
    ...forgotten,
    regions: first.map(({ region }) => ({ region, state: isLate(region) ? 'queued' : 'applied' })),
  }
}

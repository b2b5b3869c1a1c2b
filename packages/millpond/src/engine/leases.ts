// Leases: one load of a key over all processes that share a ledger. The holder loads; the others wait for its entry, at
// most as long as a lease lasts.
import { randomBytes } from 'node:crypto'
import type { GuardedLedger } from '../wrap/guard-ledger.ts'
import { ledgerKey } from './hidden.ts'
import type { Load } from './load.ts'
import { inBackground, ledgerTier, type Space } from './space.ts'

const LEASE_MS = 2000
const RENEW_MS = 600
const LEASE_POLL_MS = [4, 8, 16, 25] as const

/** What is done with loads that wait for a lease. */
export interface Steps {
  /** Completes those whose entry is in some tier by now; returns the others. */
  readonly look: (loads: readonly Load[]) => Promise<readonly Load[]>
  /** Loads them, with or without a lease. Never rejects. */
  readonly callLoader: (loads: readonly Load[]) => Promise<void>
  /** Called, turn by turn, for each that waits for another process. */
  readonly othersLoad: ((load: Load) => void) | undefined
}

/**
 * Runs each load under its key's lease; if another process holds it, waits for that process's entry. Loads with a lease
 * do not wait for the others: a batch is loaded in as many calls as leases arrive at different times.
 */
export async function loadUnderLeases(
  space: Space,
  store: GuardedLedger,
  loads: readonly Load[],
  steps: Steps,
): Promise<void> {
  const loading: Promise<void>[] = []
  for (let turn = 0, waiting = loads; waiting.length > 0; turn++) {
    const answers = await Promise.all(waiting.map((load) => takeLease(space, store, load)))
    const held = waiting.filter((_, at) => isHeld(answers[at]))
    const free = waiting.filter((_, at) => !isHeld(answers[at]))
    if (free.length > 0) {
      const loadingFree = loadFree(space, store, free, steps)
      loadingFree.catch(() => {}) // reported at the end, with the others
      loading.push(loadingFree)
    }
    if (held.length === 0) break
    space.watch.counters.leaseWaits += held.length
    if (steps.othersLoad !== undefined) for (const load of held) steps.othersLoad(load)
    const leftMs = Math.min(...answers.filter(isHeld))
    await pause(space, Math.min(leftMs, LEASE_POLL_MS[Math.min(turn, LEASE_POLL_MS.length - 1)] ?? 25))
    waiting = await steps.look(held)
  }
  await Promise.all(loading)
}

/** Whatever a store answers: each load either waits for another process or is loaded. */
const isHeld = (leftMs: number | undefined): boolean => leftMs !== undefined && leftMs > 0

/** How long another process holds the key, in milliseconds; 0: none does, or it is unknown. */
async function takeLease(space: Space, store: GuardedLedger, load: Load): Promise<number> {
  if (load.isOutdated) return 0
  const id = randomBytes(9).toString('base64url')
  const answer = await store.lease(space.id.prefix, ledgerKey(space, load.key), id, LEASE_MS).catch(() => undefined)
  if (answer === undefined) return 0
  if (!answer.granted) return Math.max(1, answer.leftMs)
  load.lease = id
  load.onOutdated = () => releaseLease(space, load)
  if (load.isOutdated) load.onOutdated()
  return 0
}

/**
 * Requests a load's lease again: it may have expired while this process was suspended, and be another's by now. If that
 * is unknown, the ledger decides at the commit.
 */
export async function stillHolds(space: Space, { key, lease, isOutdated }: Load): Promise<boolean> {
  const store = ledgerTier(space)?.guarded.ledger
  if (lease === undefined || store === undefined || isOutdated) return true
  const answer = await store.lease(space.id.prefix, ledgerKey(space, key), lease, LEASE_MS).catch(() => undefined)
  return answer?.granted !== false
}

/** An entry may have been stored between our read and the lease: the previous holder commits first, then releases. */
async function loadFree(
  space: Space,
  store: GuardedLedger,
  loads: readonly Load[],
  { look, callLoader }: Steps,
): Promise<void> {
  const granted = loads.filter((load) => load.lease !== undefined)
  const stop = renewLeases(space, store, granted)
  try {
    const missing = new Set(granted.length === 0 ? granted : await look(granted))
    for (const load of granted) if (!missing.has(load)) releaseLease(space, load)
    const left = loads.filter((load) => load.lease === undefined || missing.has(load))
    if (left.length > 0) await callLoader(left)
  } finally {
    // In a burst loaded values wait for their turn, longer than a lease lasts.
    const storing = granted.flatMap((load) => load.storing ?? [])
    if (storing.length === 0) stop()
    else void Promise.allSettled(storing).then(stop)
  }
}

/** Releases the lease, so that others need not wait for its expiry. */
export function releaseLease(space: Space, load: Load): void {
  const store = ledgerTier(space)?.guarded.ledger
  if (load.lease !== undefined && store !== undefined)
    inBackground(space, 'lease release', store.release(space.id.prefix, ledgerKey(space, load.key), load.lease))
}

/** Keeps the leases until the loaded values are stored; returns a function that stops it. */
function renewLeases(space: Space, store: GuardedLedger, loads: readonly Load[]): () => void {
  if (loads.length === 0) return () => {}
  let cancel = (): void => {}
  const again = (): void => {
    cancel = space.services.clock.after(RENEW_MS, () => {
      for (const { isOpen, key, lease, storing } of loads)
        if ((isOpen || storing !== undefined) && lease !== undefined)
          // A lost lease shows at commit.
          store.lease(space.id.prefix, ledgerKey(space, key), lease, LEASE_MS).catch(() => {})
      again()
    })
  }
  again()
  return () => cancel()
}

const pause = (space: Space, ms: number): Promise<void> =>
  new Promise((resolve) => space.services.clock.after(Math.max(1, ms), resolve, true))

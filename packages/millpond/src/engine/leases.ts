// Leases: one load of a key over all processes that share a ledger. The holder loads; the others wait for its entry, at most as long as a lease lasts.
import { randomBytes } from 'node:crypto'
import type { LedgerStore } from '../core/contracts.ts'
import type { Flight } from './flights.ts'
import { inBackground, type Space } from './space.ts'

const LEASE_MS = 2000
const RENEW_MS = 600
const LEASE_POLL_MS = [4, 8, 16, 25] as const

export interface Leases {
  /** The lease under which a flight loads. */
  readonly ids: ReadonlyMap<Flight, string>
  /** Flights that landed meanwhile: another process had loaded their keys. */
  readonly landed: ReadonlySet<Flight>
}

export const NO_LEASES: Leases = { ids: new Map(), landed: new Set() }

interface Loading {
  readonly flight: Flight
}

/** Takes each flight's lease; where another process holds it, waits for that process's entry. `land` lands a flight whose entry some tier has by now. */
export async function leaseAll<L extends Loading>(
  space: Space,
  loads: readonly L[],
  land: (load: L) => Promise<boolean>,
  budgetEnds: number,
): Promise<Leases> {
  const store = space.far.find((far) => far.holdsLedger && far.enabled)?.guarded.tier.ledger
  if (store === undefined || space.services.clock.monotonic() >= budgetEnds) return NO_LEASES
  const ids = new Map<Flight, string>()
  const landed = new Set<Flight>()
  await Promise.all(
    loads.map(async (load) => {
      const { flight } = load
      const id = randomBytes(9).toString('base64url')
      const end = await leaseOne(space, store, flight, id, () => land(load))
      if (end.isHolder) ids.set(flight, id)
      if (end.hasLanded) landed.add(flight)
    }),
  )
  for (const flight of landed) releaseLease(space, flight, ids.get(flight))
  return { ids, landed }
}

async function leaseOne(
  space: Space,
  store: LedgerStore,
  flight: Flight,
  id: string,
  land: () => Promise<boolean>,
): Promise<{ readonly isHolder: boolean; readonly hasLanded: boolean }> {
  for (let turn = 0; !flight.isOutdated; turn++) {
    const answer = await store.lease(space.id.prefix, flight.key, id, LEASE_MS).catch(() => undefined)
    if (answer === undefined) break
    if (answer.granted) {
      flight.onOutdated = () => releaseLease(space, flight, id)
      if (flight.isOutdated) flight.onOutdated()
      // The entry may have come between our read and the lease: the holder before us commits first, then releases.
      return { isHolder: true, hasLanded: await land() }
    }
    space.watch.counters.leaseWaits++
    await pause(space, Math.min(answer.leftMs, LEASE_POLL_MS[Math.min(turn, LEASE_POLL_MS.length - 1)] ?? 25))
    if (await land()) return { isHolder: false, hasLanded: true }
  }
  return { isHolder: false, hasLanded: false }
}

export function releaseLease(space: Space, flight: Flight, id: string | undefined): void {
  const store = space.far.find((far) => far.holdsLedger)?.guarded.tier.ledger
  if (id !== undefined && store !== undefined) inBackground(space, 'lease release', store.release(space.id.prefix, flight.key, id))
}

/** Keeps the leases while the load runs; returns how to stop. */
export function renewLeases(space: Space, { ids }: Leases): () => void {
  const store = space.far.find((far) => far.holdsLedger)?.guarded.tier.ledger
  if (store === undefined || ids.size === 0) return () => {}
  let cancel = (): void => {}
  const again = (): void => {
    cancel = space.services.clock.after(RENEW_MS, () => {
      for (const [flight, id] of ids) store.lease(space.id.prefix, flight.key, id, LEASE_MS).catch(() => {}) // a lost lease shows at commit
      again()
    })
  }
  again()
  return () => cancel()
}

const pause = (space: Space, ms: number): Promise<void> =>
  new Promise((resolve) => space.services.clock.after(Math.max(1, ms), resolve, true))

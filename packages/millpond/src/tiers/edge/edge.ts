// An edge at work: the namespaces of the own region, and the entries of those that are asked.
import type { HeardRegion, LedgerRegions, LedgerStore, Refusal, Stored, TierItem } from '../../core/contracts.ts'
import type { Position } from '../../core/ledger.ts'
import { prefixOf } from '../../wrap/storage-name.ts'
import { apartLedger } from '../apart-ledger.ts'
import { cursorKey, readCursor } from './cursor.ts'
import { RegionEntries } from './entries.ts'
import type { EdgeSettings, Region } from './options.ts'
import { EdgeSpace } from './space.ts'

/** The longest that a command to a tier of the own region may take. */
const OWN_MS = 250
const POLL_MS = 25
/** The longest that a question about what a region has applied may take. */
const ANSWER_MS = 1000

export class Edge implements LedgerRegions {
  readonly ledger: LedgerStore
  readonly waitMs: number
  readonly #settings: EdgeSettings
  readonly #entries: RegionEntries
  readonly #others: ReadonlyMap<string, RegionEntries>
  readonly #local: LedgerStore
  readonly #spaces = new Map<string, EdgeSpace>()

  constructor(settings: EdgeSettings) {
    const { own, others, originMs, clock, waitMs } = settings
    this.#settings = settings
    this.waitMs = waitMs
    this.#entries = new RegionEntries(own, OWN_MS, clock)
    this.#others = new Map(others.map((region) => [region.name, new RegionEntries(region, originMs, clock)]))
    this.#local = apartLedger(own.ledger, this.#entries, { note: () => {} })
    this.ledger = {
      ...this.#local,
      pull: (namespace, from) => this.#space(namespace).pull(from),
      advance: (namespace, change) => this.#space(namespace).advance(change),
      regions: this,
    }
  }

  get own(): string {
    return this.#settings.own.name
  }

  get others(): readonly string[] {
    return this.#settings.others.map(({ name }) => name)
  }

  /** The own region's tiers, and the origin's for what these do not have. */
  async read(keys: readonly string[]): Promise<(Stored | undefined)[]> {
    const found = await this.#entries.read(keys)
    const { origin } = this.#settings
    if (origin === undefined || !found.includes(undefined)) return found
    const missing = new Map<string, number[]>()
    for (const [at, stored] of found.entries()) {
      if (stored !== undefined) continue
      const namespace = prefixOf(keys[at] ?? '')
      const places = missing.get(namespace) ?? []
      places.push(at)
      missing.set(namespace, places)
    }
    await Promise.all(
      [...missing].map(async ([namespace, places]) => {
        const space = this.#spaces.get(namespace)
        const wanted = places.map((at) => keys[at] ?? '')
        // It does not answer: what is missing is loaded.
        const borrowed = await space?.borrow(origin.name, wanted).catch(() => undefined)
        if (space === undefined || borrowed === undefined) return
        for (const [index, at] of places.entries()) found[at] = borrowed[index]
        void space.keep(wanted, borrowed)
      }),
    )
    return found
  }

  write(items: readonly TierItem[]): Promise<(Refusal | undefined)[]> {
    return this.#entries.write(items)
  }

  drop(keys: readonly string[]): Promise<number> {
    return this.#entries.drop(keys)
  }

  clear(prefix: string): Promise<number> {
    return this.#entries.clear(prefix)
  }

  async behind(namespace: string, position: Position, timeoutMs: number): Promise<readonly string[]> {
    const { others, clock } = this.#settings
    const until = clock.monotonic() + timeoutMs
    const late = await Promise.all(
      others.map(async (region) => {
        while (!(await this.#hasApplied(region, namespace, position, Math.max(1, until - clock.monotonic())))) {
          if (clock.monotonic() + POLL_MS >= until) return region.name
          await new Promise<void>((resolve) => clock.after(POLL_MS, resolve, true))
        }
        return undefined
      }),
    )
    return late.filter((name) => name !== undefined)
  }

  heard(): readonly HeardRegion[] {
    return this.others.map((region) => {
      const followers = [...this.#spaces.values()].flatMap((space) => space.followers.filter((one) => one.region === region))
      const lags = followers.map(({ lagMs }) => lagMs)
      const isHeard = followers.every((one) => one.isHeard)
      return { region, isHeard, lagMs: lags.includes(undefined) ? undefined : Math.max(0, ...lags.flatMap((lag) => lag ?? [])) }
    })
  }

  async close(): Promise<void> {
    for (const space of this.#spaces.values()) space.close()
    const { own, others } = this.#settings
    const tiers = new Set([own, ...others].flatMap(({ ledgerTier, tiers: its }) => [ledgerTier, ...its]))
    await Promise.all([...tiers].map((tier) => tier.close()))
  }

  #space(namespace: string): EdgeSpace {
    const known = this.#spaces.get(namespace)
    if (known !== undefined) return known
    const space = new EdgeSpace({
      ...this.#settings,
      namespace,
      local: this.#local,
      entries: this.#entries,
      entriesOf: (region) => this.#others.get(region),
    })
    this.#spaces.set(namespace, space)
    return space
  }

  /** As the region says itself. */
  async #hasApplied(region: Region, namespace: string, { epoch, seq }: Position, timeoutMs: number): Promise<boolean> {
    const { clock, own } = this.#settings
    let cancel = (): void => {}
    const late = new Promise<undefined>((resolve) => {
      cancel = clock.after(Math.min(timeoutMs, ANSWER_MS), () => resolve(undefined), true)
    })
    const asking = region.ledgerTier.read([cursorKey(namespace, own.name)]).catch(() => undefined)
    const answer = await Promise.race([asking, late])
    cancel()
    const at = readCursor(answer?.[0])?.at
    return at !== undefined && at.epoch === epoch && at.seq >= seq
  }
}

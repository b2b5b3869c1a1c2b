// A running edge: the namespaces of its own region, and the entries of the regions that it reads.
import { checkOptions, duration, flag, type Shape, text, whole } from '../../core/checks.ts'
import type {
  Drained,
  DrainRegionOptions,
  FillProgress,
  FillRegionOptions,
  LedgerPlace,
  LedgerRegions,
  LedgerStore,
  PeerRegion,
  Refusal,
  RegionState,
  RegionView,
  Stored,
  TierItem,
} from '../../core/contracts.ts'
import { parseDuration } from '../../core/duration.ts'
import { MillpondError, show } from '../../core/errors.ts'
import type { Position } from '../../core/ledger.ts'
import { Deadlines } from '../../wrap/deadlines.ts'
import { prefixOf } from '../../wrap/storage-name.ts'
import { apartLedger } from '../apart-ledger.ts'
import { cursorKey, readCursor } from './cursor.ts'
import { RegionEntries } from './entries.ts'
import { Fill } from './fill.ts'
import { beatOf, type EdgeSettings, invalid, type Region } from './options.ts'
import { askState, OwnRegionState, putState } from './region-state.ts'
import { Service } from './service.ts'
import { EdgeSpace } from './space.ts'

/** Time limit of a command to a tier of the own region. */
const OWN_MS = 250
const POLL_MS = 25
/** Time limit of a query for what a region has applied. */
const ANSWER_MS = 1000
const DRAIN = '10s'
const KEYS_PER_SECOND = 2000
const DRAIN_OPTIONS: Shape<DrainRegionOptions> = { region: text, timeout: duration, force: flag }
const FILL_OPTIONS: Shape<FillRegionOptions> = { from: text, keysPerSecond: whole(1), force: flag }

export class Edge implements LedgerRegions {
  readonly ledger: LedgerStore & { readonly regions: LedgerRegions }
  readonly waitMs: number
  readonly #settings: EdgeSettings
  readonly #entries: RegionEntries
  readonly #others: ReadonlyMap<string, RegionEntries>
  readonly #local: LedgerStore
  readonly #spaces = new Map<string, EdgeSpace>()
  readonly #deadlines: Deadlines
  readonly #state: OwnRegionState
  readonly #service: Service
  #fill: Fill | undefined
  #isClosed = false

  constructor(settings: EdgeSettings) {
    const { own, others, originMs, clock, waitMs } = settings
    this.#settings = settings
    this.waitMs = waitMs
    this.#deadlines = new Deadlines(clock)
    this.#state = new OwnRegionState(own, clock, this.#deadlines, beatOf(settings.lagMs))
    this.#service = new Service({
      ...{ regions: this.#regions, clock, deadlines: this.#deadlines },
      put: (region, state) => this.#put(region, state),
    })
    this.#entries = new RegionEntries(own, OWN_MS, clock, () => this.#state.current)
    this.#others = new Map(others.map((region) => [region.name, new RegionEntries(region, originMs, clock)]))
    this.#local = apartLedger(own.ledger, this.#entries, { note: () => {} })
    const { unmoved } = this.#local
    this.ledger = {
      ...this.#local,
      unmoved: unmoved && ((places) => this.#unmoved(places, unmoved)),
      pull: async (namespace, from) => (await Promise.all([this.#space(namespace).pull(from), this.#state.ready()]))[0],
      advance: async (namespace, change) => {
        await this.#state.ready()
        return this.#space(namespace).advance(change)
      },
      regions: this,
    }
  }

  get own(): string {
    return this.#settings.own.name
  }

  get others(): readonly string[] {
    return this.#settings.others.map(({ name }) => name)
  }

  /** Reads the own region's tiers, and the origin's for misses. */
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
        // If it does not answer, the missing entries are loaded.
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
        const hasApplied = await this.#isAppliedBy(region, this.#settings.own, namespace, position, until)
        return hasApplied ? undefined : region.name
      }),
    )
    return late.filter((name) => name !== undefined)
  }

  async list(): Promise<readonly RegionView[]> {
    const { own, originName } = this.#settings
    const heard = new Map(this.heard().map((one) => [one.region, one]))
    return Promise.all(
      this.#regions.map(async (region): Promise<RegionView> => {
        const { name } = region
        const isOwn = region === own
        const [state, waiting] = await Promise.all([
          askState(region, this.#deadlines).catch(() => undefined),
          isOwn ? 0 : this.#waitingFor(region).catch(() => undefined),
        ])
        const { isHeard, lagMs, error } = heard.get(name) ?? { isHeard: true, lagMs: 0 }
        const filling = isOwn && this.#fill !== undefined ? { filling: this.#fill.progress } : {}
        return {
          region: name,
          isOwn,
          isOrigin: name === originName,
          state,
          waiting,
          isHeard,
          lagMs,
          ...(error !== undefined && { error }),
          ...filling,
        }
      }),
    )
  }

  async drain(options: DrainRegionOptions = {}): Promise<Drained> {
    checkOptions<DrainRegionOptions>(options, DRAIN_OPTIONS, 'drain')
    const { clock, own } = this.#settings
    const region = this.#named(options.region ?? own.name, 'drain.region')
    const until = clock.monotonic() + parseDuration(options.timeout ?? DRAIN, 'drain.timeout')
    const others = this.#regions.filter((one) => one !== region)
    await this.#service.leave({ region, state: 'drained', isForced: options.force ?? false, option: 'drain.region' })
    if (region === own) this.#fill?.end()
    // By then its processes have seen the new state.
    await this.#wait(2 * beatOf(this.#settings.lagMs))
    const behind = await Promise.all(
      [...this.#spaces.keys()].map(async (namespace) => {
        const { position } = await this.#deadlines.hold(
          region.ledger.pull(namespace),
          ANSWER_MS,
          () => `edge: the ledger of ${region.name}`,
        )
        const late = others.map(async (one) =>
          (await this.#isAppliedBy(one, region, namespace, position, until)) ? [] : [one.name],
        )
        return (await Promise.all(late)).flat()
      }),
    )
    // If no namespace is open here, no region has been queried.
    const names = behind.length === 0 ? others.map(({ name }) => name) : [...new Set(behind.flat())]
    return { region: region.name, isSafe: names.length === 0, namespaces: behind.length, behind: names }
  }

  async fill(options: FillRegionOptions = {}): Promise<FillProgress> {
    checkOptions<FillRegionOptions>(options, FILL_OPTIONS, 'fill')
    const { own, origin, clock } = this.#settings
    const { from = origin?.name, keysPerSecond = KEYS_PER_SECOND, force: isForced = false } = options
    if (from === undefined)
      throw invalid('fill.from', from, 'is missing, and this region has no origin: name the region to fill from')
    const peer = this.#named(from, 'fill.from')
    if (peer === own) throw invalid('fill.from', from, 'is the region itself: name another one')
    this.#fill?.end()
    const fill = new Fill({
      ...{ own: this.#entries, state: this.#state },
      begin: () => this.#service.leave({ region: own, state: 'filling', isForced, option: 'fill' }),
      alone: (work) => this.#service.alone(own, work),
      serve: () => this.#put(own, 'serving'),
      ...{ peer, spaces: [...this.#spaces.values()], perSecond: keysPerSecond, clock, deadlines: this.#deadlines },
    })
    this.#fill = fill
    await fill.run()
    return fill.progress
  }

  async serve(name?: string): Promise<void> {
    const region = this.#named(name ?? this.own, 'serve.region')
    if (region === this.#settings.own) this.#fill?.end()
    await this.#put(region, 'serving')
  }

  heard(): readonly PeerRegion[] {
    return this.others.map((region) => {
      const followers = [...this.#spaces.values()].flatMap((space) =>
        space.followers.filter((one) => one.region === region),
      )
      const lags = followers.map(({ lagMs }) => lagMs)
      const isHeard = followers.every((one) => one.isHeard)
      const error = followers.find((one) => one.error !== undefined)?.error
      return {
        region,
        isHeard,
        ...(error !== undefined && { error }),
        lagMs: lags.includes(undefined) ? undefined : Math.max(0, ...lags.flatMap((lag) => lag ?? [])),
      }
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#fill?.end()
    this.#state.close()
    for (const space of this.#spaces.values()) space.close()
    const { own, others } = this.#settings
    const tiers = new Set([own, ...others].flatMap(({ ledgerTier, tiers: its }) => [ledgerTier, ...its]))
    await Promise.all([...tiers].map((tier) => tier.close()))
  }

  /** If another region has to be heard first, `pull` does that. */
  async #unmoved(
    places: readonly LedgerPlace[],
    ask: NonNullable<LedgerStore['unmoved']>,
  ): Promise<readonly boolean[]> {
    await this.#state.ready()
    const confirmed = places.map(({ namespace, position }) => this.#space(namespace).confirming(position))
    const answers = await ask(places)
    return confirmed.map((confirm, at) => {
      if (confirm === undefined || answers[at] !== true) return false
      confirm()
      return true
    })
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

  get #regions(): readonly Region[] {
    return [this.#settings.own, ...this.#settings.others]
  }

  #named(name: unknown, option: string): Region {
    const found = this.#regions.find((region) => region.name === name)
    if (found !== undefined) return found
    throw invalid(
      option,
      name,
      `is not one of the regions: those are ${this.#regions.map((region) => show(region.name)).join(', ')}`,
    )
  }

  async #put(region: Region, state: RegionState): Promise<void> {
    try {
      if (region === this.#settings.own) await this.#state.put(state)
      else await putState(region, state, this.#deadlines)
    } catch (error) {
      throw new MillpondError(
        'TIER_FAILED',
        `edge: the region ${show(region.name)} could not be set to ${state}: its stores do not answer, so it serves no reads at the moment`,
        { cause: error },
      )
    }
  }

  /** Waits until one region reports that it has applied another one's ledger up to the position. */
  async #isAppliedBy(
    region: Region,
    of: Region,
    namespace: string,
    position: Position,
    until: number,
  ): Promise<boolean> {
    const { clock } = this.#settings
    while (!(await this.#hasApplied(region, of, namespace, position, Math.max(1, until - clock.monotonic())))) {
      // Closing ends the wait; the invalidation arrives nevertheless.
      if (this.#isClosed || clock.monotonic() + POLL_MS >= until) return false
      await this.#wait(POLL_MS)
    }
    return true
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.#settings.clock.after(ms, resolve, true))
  }

  /**
   * Steps of the own region that another one has not applied, over all namespaces; undefined if unknown for one of
   * them.
   */
  async #waitingFor({ ledgerTier, name }: Region): Promise<number | undefined> {
    const { own } = this.#settings
    const namespaces = [...this.#spaces.keys()]
    if (namespaces.length === 0) return 0
    const asking = Promise.all([
      ledgerTier.read(namespaces.map((namespace) => cursorKey(namespace, own.name))),
      Promise.all(namespaces.map((namespace) => this.#spaces.get(namespace)?.position())),
    ])
    const [records, positions] = await this.#deadlines.hold(
      asking,
      ANSWER_MS,
      () => `edge: the ledgers of ${own.name} and ${name}`,
    )
    const waiting = positions.map((position, index) => {
      const at = readCursor(records[index])?.at
      return position === undefined || at?.epoch !== position.epoch ? undefined : Math.max(0, position.seq - at.seq)
    })
    return waiting.includes(undefined) ? undefined : waiting.reduce<number>((sum, steps) => sum + (steps ?? 0), 0)
  }

  /** As the region itself reports. */
  async #hasApplied(
    region: Region,
    of: Region,
    namespace: string,
    { epoch, seq }: Position,
    timeoutMs: number,
  ): Promise<boolean> {
    const { clock } = this.#settings
    let cancel = (): void => {}
    const late = new Promise<undefined>((resolve) => {
      cancel = clock.after(Math.min(timeoutMs, ANSWER_MS), () => resolve(undefined), true)
    })
    const asking = region.ledgerTier.read([cursorKey(namespace, of.name)]).catch(() => undefined)
    const answer = await Promise.race([asking, late])
    cancel()
    const at = readCursor(answer?.[0])?.at
    return at !== undefined && at.epoch === epoch && at.seq >= seq
  }
}

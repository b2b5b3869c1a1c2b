// Predictions for one cache: reads are processed in separate turns, and proposals are loaded in the background.
import type { Clock } from '../../core/contracts.ts'
import { reasonOf } from '../../core/errors.ts'
import { decodeKey, type Key } from '../../core/key.ts'
import { hashOf } from '../../core/key-hash.ts'
import type { Prefetched } from '../../core/warm.ts'
import { policyByName } from '../../memory/policies/index.ts'
import { OwnTime } from '../budget.ts'
import { HIT, LOADED, LOST } from '../ring.ts'
import { type Setting, sameSetting, settingOf, type WatchedCache } from '../setting.ts'
import type { KeyPlace } from './candidates.ts'
import { figuresOf, type Prediction } from './figures.ts'
import { Listener } from './listener.ts'
import { Loadable, type Sources } from './loadable.ts'
import { type ModelFault, ModelGuard, type ObservedRead } from './model-guard.ts'
import type { PredictionSettings } from './options.ts'
import { type KeyRead, Predictor } from './predictor.ts'

/** The prefetching state of a namespace. */
interface Space {
  holds(key: Key): boolean
  prefetch(keys: readonly Key[]): Promise<Prefetched>
}

/** What prediction needs of a cache: `createCache` creates one. */
export interface PredictedCache extends WatchedCache, Sources {
  /** A namespace by its name, whose keys are prefetched. */
  namespace(name: string): Space
}

const SOON_MS = 10
const FIT_EVERY_MS = 1000
/** Reads processed in one turn, and the largest share of the process's time that turns may take. */
const A_TURN = 256
const MOST_BUSY = 0.05
/**
 * The most proposals that wait to be loaded, and the most per call. Excess ones are dropped: they would come too late.
 */
const MOST_WAITING = 256
const TOGETHER = 32
/** Reads of a turn after which a custom model is called. */
const ASKED = 16
const SHIPPED: ReadonlySet<string> = new Set(['adaptive', 'lru', 'sieve', 's3-fifo', 'w-tinylfu'])

interface Waiting {
  readonly namespace: string
  readonly key: string
  readonly hash: number
}

export class Predicting {
  readonly #cache: PredictedCache
  readonly #clock: Clock
  readonly #settings: PredictionSettings
  readonly #listener: Listener
  readonly #loadable: Loadable
  readonly #ownTime: OwnTime
  readonly #model: ModelGuard | undefined
  readonly #read: KeyRead = {
    hash: 0,
    key: '',
    namespace: '',
    context: 0,
    isHit: false,
    isLost: false,
    weight: 1,
    time: 0,
  }
  readonly #placeOf = (key: string, namespace: string): KeyPlace => this.#find(key, namespace)
  #predictor: Predictor | undefined
  #setting: Setting | undefined
  #fittedAt = Number.NEGATIVE_INFINITY
  #waiting: Waiting[] = []
  /** By namespace: keys that memory should keep. */
  readonly #kept = new Map<string, Set<string>>()
  #keeps = 0
  #mayLoad: boolean
  #isLoading = false
  #isLooking = false
  #lost = 0
  readonly #loads = { loaded: 0, present: 0, empty: 0, failed: 0, skipped: 0 }
  #stopTimer: (() => void) | undefined
  #stopRecording: (() => void) | undefined

  constructor(cache: PredictedCache, clock: Clock, settings: PredictionSettings) {
    this.#cache = cache
    this.#clock = clock
    this.#settings = settings
    this.#mayLoad = settings.isLoading
    this.#loadable = new Loadable(cache)
    this.#ownTime = new OwnTime(clock)
    this.#model =
      settings.model === undefined
        ? undefined
        : new ModelGuard(settings.model, clock, settings.modelTimeoutMs, (fault) => this.#withoutModel(fault))
    this.#listener = new Listener(clock, () => this.#soon(SOON_MS))
    this.#fit()
    this.#stopRecording = cache.record(this.#listener)
  }

  close(): void {
    this.#stopRecording?.()
    this.#stopRecording = undefined
    this.#stopTimer?.()
    this.#stopTimer = undefined
    this.#waiting = []
  }

  get figures(): Prediction {
    return figuresOf({
      cache: this.#cache.info().name,
      predictor: this.#predictor,
      kept: this.#keeps,
      loads: { ...this.#loads },
      lost: this.#lost + this.#listener.ring.lost,
      fault: this.#model?.fault,
      isLoading: this.#mayLoad,
    })
  }

  /** Switching it off drops the waiting proposals. */
  loadAhead(isOn: boolean): void {
    this.#mayLoad = isOn
    if (this.#predictor !== undefined) this.#predictor.mayLoad = isOn
    if (isOn) return
    for (const { hash } of this.#waiting) this.#predictor?.withdraw(hash)
    this.#loads.skipped += this.#waiting.length
    this.#waiting = []
  }

  /** The most read keys of a namespace, encoded: a share of all that are known there. */
  hottest(namespace: string, share: number, most: number): string[] {
    return this.#predictor?.hottest(namespace, share, most) ?? []
  }

  #soon(ms: number): void {
    if (this.#isLooking) return
    this.#stopTimer ??= this.#clock.after(ms, () => {
      this.#stopTimer = undefined
      void this.#turn()
    })
  }

  /** Pauses between turns, so that they take a small part of the process's time. */
  async #turn(): Promise<void> {
    this.#isLooking = true
    const began = this.#clock.monotonic()
    if (this.#clock.monotonic() - this.#fittedAt >= FIT_EVERY_MS) this.#fit()
    const batch = this.#look()
    void this.#keepAll()
    const tookMs = (this.#clock.monotonic() - began) * this.#ownTime.weight
    if (this.#model !== undefined && batch.length > 0) await this.#askModel(this.#model, batch)
    this.#isLooking = false
    if (this.#stopRecording === undefined) return
    void this.#load()
    // Reads that came while a model was called have not scheduled a turn.
    this.#listener.catchUp()
    if (this.#listener.ring.count > 0) this.#soon(Math.max(SOON_MS, tookMs / MOST_BUSY))
  }

  /** Returns the reads for a custom model. */
  #look(): ObservedRead[] {
    const { ring, spaces } = this.#listener
    this.#listener.catchUp()
    const told: ObservedRead[] = []
    for (let left = A_TURN; left > 0; left--) {
      const at = ring.take()
      if (at < 0) break
      const namespace = spaces.name(ring.space(at))
      const kind = ring.kind(at)
      if (kind === LOADED)
        this.#predictor?.stored(
          ring.hash(at),
          ring.time(at),
          (ring.ttls[at] as number) * (this.#setting?.ttlFactor ?? 1),
        )
      else {
        this.#note(at, namespace, kind)
        if (this.#model !== undefined && this.#model.fault === undefined)
          told.push({
            key: decodeKey(ring.keys[at] as string),
            namespace,
            session: ring.values[at] as number,
            isHit: kind === HIT,
            at: this.#clock.now(),
          })
      }
    }
    return told
  }

  #note(at: number, namespace: string, kind: number): void {
    const predictor = this.#predictor
    if (predictor === undefined) return
    const { ring } = this.#listener
    const read = this.#read
    read.hash = ring.hash(at)
    read.key = ring.keys[at] as string
    read.namespace = namespace
    read.context = ring.values[at] as number
    read.isHit = kind === HIT
    read.isLost = kind === LOST
    read.weight = this.#weigh(ring.bytes(at))
    read.time = ring.time(at)
    predictor.read(read, this.#placeOf)
    for (let one = 0; one < predictor.kept; one++) this.#keep(namespace, predictor.keptAt(one))
    for (let one = 0; one < predictor.proposed; one++)
      this.#wait({ namespace, key: predictor.keyAt(one), hash: predictor.hashAt(one) })
  }

  /** A miss is assumed to have the mean weight of entries. */
  #weigh(bytes: number): number {
    const setting = this.#setting
    if (setting?.unit !== 'bytes') return 1
    return bytes > 0 ? bytes : setting.capacity / setting.entries
  }

  async #askModel(model: ModelGuard, batch: readonly ObservedRead[]): Promise<void> {
    await model.observe(batch)
    for (const read of batch.slice(-ASKED)) {
      for (const { key, p } of await model.candidates(read)) {
        const predictor = this.#predictor
        const hash = hashOf(key, hashOf(read.namespace, 0))
        if (predictor === undefined || this.#find(key, read.namespace) !== 'source') continue
        if (predictor.offer(hash, key, read.namespace, p)) this.#wait({ namespace: read.namespace, key, hash })
      }
    }
  }

  /** The built-in model takes over. Errors of a listener must not reach the turn. */
  #withoutModel(fault: ModelFault): void {
    if (this.#predictor !== undefined) this.#predictor.isAlone = true
    try {
      this.#settings.onModelOff(fault)
    } catch (error) {
      process.emitWarning(`onModelOff failed: ${reasonOf(error)}`, 'MillpondWarning')
    }
  }

  #keep(namespace: string, key: string): void {
    const keys = this.#kept.get(namespace)
    if (keys === undefined) this.#kept.set(namespace, new Set([key]))
    else keys.add(key)
  }

  /** Memory is told at the end of a turn, of each key once. */
  async #keepAll(): Promise<void> {
    if (this.#kept.size === 0) return
    const all = [...this.#kept]
    this.#kept.clear()
    for (const [namespace, keys] of all) {
      try {
        const space = this.#cache.namespace(namespace)
        // What has left memory since would be loaded.
        const held = [...keys].map(decodeKey).filter((key) => space.holds(key))
        this.#keeps += (await space.prefetch(held)).present
      } catch {
        // The namespace was closed meanwhile.
      }
    }
  }

  #wait(one: Waiting): void {
    if (this.#waiting.length < MOST_WAITING) this.#waiting.push(one)
    else {
      this.#loads.skipped++
      this.#predictor?.withdraw(one.hash)
    }
  }

  /** One call at a time, with keys of one namespace: the cache limits the rate. */
  async #load(): Promise<void> {
    if (this.#isLoading) return
    this.#isLoading = true
    for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
      const { namespace } = first
      const batch = this.#waiting.filter((one) => one.namespace === namespace).slice(0, TOGETHER)
      this.#waiting = this.#waiting.filter((one) => !batch.includes(one))
      try {
        const space = this.#cache.namespace(namespace)
        const done = await space.prefetch(batch.map(({ key }) => decodeKey(key)))
        for (const name of ['loaded', 'present', 'empty', 'failed', 'skipped'] as const) this.#loads[name] += done[name]
        if (done.skipped > 0) this.#withdraw(batch, space, done.skipped)
      } catch {
        // The namespace was closed meanwhile.
        this.#loads.failed += batch.length
      }
    }
    this.#isLoading = false
  }

  /** What was skipped, the last ones first, cost the source nothing: it is no waste. */
  #withdraw(batch: readonly Waiting[], space: Space, skipped: number): void {
    const absent = batch.filter(({ key }) => !space.holds(decodeKey(key)))
    for (const { hash } of absent.slice(-skipped)) this.#predictor?.withdraw(hash)
  }

  #find(key: string, namespace: string): KeyPlace {
    try {
      if (this.#cache.namespace(namespace).holds(decodeKey(key))) return 'memory'
    } catch {
      return 'elsewhere'
    }
    return this.#loadable.has(namespace, key) ? 'source' : 'elsewhere'
  }

  /** For another memory, what was learnt is useless: it keeps prefetched entries for a different time. */
  #fit(): void {
    this.#fittedAt = this.#clock.monotonic()
    this.#loadable.look()
    const setting = settingOf(this.#cache, this.#setting)
    if (sameSetting(setting, this.#setting) && (setting === undefined) === (this.#predictor === undefined)) {
      // Writes, warming and snapshots fill memory too, and entries may be larger than was thought.
      if (setting !== undefined) this.#predictor?.holds(this.#held(setting))
      return
    }
    this.#setting = setting
    this.#lost += this.#listener.ring.lost
    this.#listener.ring.lost = 0
    const { waste, least, keys, model } = this.#settings
    if (setting === undefined) {
      this.#predictor = undefined
      return
    }
    const { entries, capacity, unit, policy } = setting
    const named = policyByName(SHIPPED.has(policy) ? policy : 'adaptive')
    const held = this.#held(setting)
    this.#predictor = new Predictor({ entries, held, capacity, unit, policy: named, waste, least, keys })
    this.#predictor.mayLoad = this.#mayLoad
    this.#predictor.isAlone = model === undefined || this.#model?.fault !== undefined
  }

  /** The room that is taken, in entries of the size that is assumed: by the limit that is reached first. */
  #held({ entries, capacity, unit }: Setting): number {
    const { memory } = this.#cache.info()
    if (memory === undefined) return 0
    return Math.max(memory.entries, Math.round((memory[unit] / capacity) * entries))
  }
}

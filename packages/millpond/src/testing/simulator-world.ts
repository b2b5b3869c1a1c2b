// The simulated world: runs of processes, the links between them and the shared tier, the truth, and the passing of
// time.
import { type FakeClock, fakeClock } from './clock.ts'
import type { ChangeOp, HistoryLine, Operation, ReadOp } from './history.ts'
import { describeError, type Versioned } from './history-recorder.ts'
import { Links } from './simulator-links.ts'
import {
  describeStep,
  type LaneStep,
  type SimulatedCache,
  type Simulation,
  type SimulationParts,
  type WorldStep,
} from './simulator-program.ts'
import { type SimulatedServer, simulatedServer } from './simulator-server.ts'
import { type Choose, openSteps, type Steps } from './simulator-steps.ts'

/** Every key carries it. */
const TAG = 'all-of-them'
const TTL_MS = 3_600_000
const RETRY_MS = 60
const HOLD_MS = 300
const MAX_SIMULATED_MS = 60_000

/** One run of a process. */
interface Life {
  readonly name: string
  readonly cache: SimulatedCache
  readonly clock: FakeClock
  readonly died: Promise<'died'>
  readonly kill: () => void
}

interface Writer {
  readonly life: string
  readonly key: string
  readonly alone: boolean
}

const DIED = 'died'

export class World {
  readonly steps: Steps = openSteps()
  readonly #lines: HistoryLine[] = []
  readonly #pending = new Set<Omit<Operation, 'end' | 'acked'>>()
  readonly #server: SimulatedServer
  readonly #parts: SimulationParts
  readonly #keys: readonly string[]
  readonly #lives: Life[] = []
  readonly #links: Links
  readonly #frozen = new Set<number>()
  readonly #versions = new Map<string, number>()
  /**
   * The writers between commit and ack. A `set` writes alone: two values at a time would be a race of the application,
   * not of the cache.
   */
  readonly #writers = new Set<Writer>()
  /** Writes that have committed but are not reported yet. If their process dies, another must repair them. */
  readonly #untold = new Set<Writer>()
  /** Write-through writes whose hold stands: if their process dies, no other has to repair what they leave. */
  readonly #held = new Set<Writer>()
  readonly #clock = fakeClock()
  #ms = 1000
  #instant = 0
  #births = 0

  constructor(program: Simulation, parts: SimulationParts) {
    this.#parts = parts
    this.#links = new Links(program.processes, this.steps)
    const { targets, epochOf = 'server' } = program
    this.#server = simulatedServer({ now: () => this.#ms, epochOf, ...(targets === undefined ? {} : { targets }) })
    this.#keys = [
      ...new Set(program.lanes.flatMap(({ steps }) => steps.flatMap((step) => (step.do === 'wait' ? [] : [step.key])))),
    ]
    this.#lines.push({ kind: 'tag', tag: TAG, keys: this.#keys })
    for (let process = 0; process < program.processes; process++) {
      this.#lives.push(this.#bear(process))
    }
  }

  async driveTo(work: Promise<unknown>, choose: Choose): Promise<boolean> {
    let done = false
    const end = work.then(() => {
      done = true
    })
    const until = this.#ms + MAX_SIMULATED_MS
    await this.steps.drive(
      choose,
      () => done,
      () => {
        this.#pass(10)
        return this.#ms < until
      },
    )
    if (done) await end
    return done
  }

  async runLane(process: number, lane: number, steps: readonly LaneStep[]): Promise<void> {
    let isAwake = false
    for (const step of steps) {
      const life = this.#life(process)
      const turn = isAwake ? Promise.resolve() : this.steps.step(life.name, Object.values(step).join(' '))
      isAwake = step.do === 'wait'
      if ((await Promise.race([turn.then(() => this.#act(life, lane, step)), life.died])) === DIED) isAwake = false
    }
  }

  async runWorld(events: readonly WorldStep[]): Promise<void> {
    for (const event of events) {
      await this.steps.step('world', describeStep(event))
      await this.#happen(event)
    }
    await this.steps.step('world', 'heals')
    this.#links.healAll()
  }

  /** Repairs writes whose process died before it reported them, waits, and reads every key in every process. */
  async calmDown(): Promise<void> {
    const orphans = [...this.#untold].map(({ key }) => key)
    const first = this.#life(0)
    for (const key of new Set(orphans))
      await this.#untilAcked(first, () => this.#change(first, 0, 'delete', { key }, () => first.cache.delete(key)))
    this.#lines.push({ kind: 'quiet', at: this.#now() })
    for (let passed = 0; passed <= 2000; passed += 100) {
      this.#pass(100)
      await this.steps.step('world', 'quiet')
    }
    for (const life of this.#lives) for (const key of this.#keys) await this.#act(life, 0, { do: 'getOrSet', key })
    await Promise.all(this.#lives.map(({ cache }) => cache.close()))
  }

  /** Writes unfinished operations as pending. */
  finish(): HistoryLine[] {
    const end = this.#now()
    for (const draft of this.#pending) this.#lines.push({ ...draft, end, acked: false, pending: true })
    return this.#lines
  }

  #life(process: number): Life {
    const life = this.#lives[process]
    if (life === undefined) throw new RangeError(`there is no process ${process}`)
    return life
  }

  /** Strictly later than any instant before. */
  #now(): number {
    this.#instant += 1
    return this.#ms + this.#instant * 1e-7
  }

  #bear(process: number): Life {
    const name = `p${process}.${++this.#births}`
    const clock = fakeClock({ now: 1_700_000_000_000 + this.#ms, monotonic: this.#ms })
    const tier = this.#server.connect(this.#links.transport(process, name))
    let kill = (): void => {}
    const died = new Promise<'died'>((resolve) => {
      kill = () => resolve(DIED)
    })
    const { open, wrapTier, wrapClock } = this.#parts
    const cache = open({
      tier: wrapTier === undefined ? tier : wrapTier(tier, clock),
      clock: wrapClock === undefined ? clock : wrapClock(clock),
    })
    return { name, cache, clock, died, kill }
  }

  async #act(life: Life, lane: number, step: LaneStep): Promise<void> {
    const { cache, clock } = life
    if (step.do === 'wait') return new Promise((resolve) => clock.after(step.ms, resolve))
    if (step.do === 'write')
      return step.tell === 'through'
        ? this.#writeThrough(life, lane, step.key, step.slowMs ?? 0)
        : this.#write(life, lane, step)
    const { key } = step
    if (step.do === 'forget') return void (await this.#change(life, lane, 'delete', { key }, () => cache.delete(key)))
    if (step.do === 'peek') return this.#read(life, lane, 'peek', key, async () => cache.peek(key))
    if (step.do === 'get') return this.#read(life, lane, 'get', key, () => cache.get(key))
    if (step.do === 'lease')
      return this.#read(life, lane, 'getOrSet', key, () => this.#byHand(life, key, step.slowMs ?? 0))
    const options = { tags: [TAG], ttl: TTL_MS, ...(step.do === 'strong' ? { consistency: 'strong' as const } : {}) }
    const slowMs = step.do === 'getOrSet' ? (step.slowMs ?? 0) : 0
    return this.#read(
      life,
      lane,
      'getOrSet',
      key,
      () => cache.getOrSet(key, () => this.#load(life, key, slowMs), options),
      step.do === 'strong',
    )
  }

  async #byHand(life: Life, key: string, slowMs: number): Promise<unknown> {
    const { cache } = life
    const entry = await cache.getEntry(key, { lease: true })
    if (entry.kind !== 'miss') return entry.value
    const value = await this.#load(life, key, slowMs)
    // Without the ledger the value is stored nowhere, but it has been read.
    await cache.set(key, value, { tags: [TAG], ttl: TTL_MS, lease: entry.lease }).catch(() => {})
    return value
  }

  async #load(life: Life, key: string, slowMs: number): Promise<Versioned> {
    const start = this.#now()
    await this.steps.step(life.name, `load ${key}`)
    const version = this.#versions.get(key) ?? 0
    if (slowMs > 0) await new Promise<void>((resolve) => life.clock.after(slowMs, resolve))
    await this.steps.step(life.name, `loaded ${key} ${version}`)
    this.#lines.push({ kind: 'load', process: life.name, key, start, end: this.#now() })
    return { key, version }
  }

  async #write(life: Life, lane: number, { key, tell }: LaneStep & { readonly do: 'write' }): Promise<void> {
    const { cache } = life
    const alone = tell === 'set'
    if ([...this.#writers].some((one) => one.key === key && (alone || one.alone))) return
    const writer = { life: life.name, key, alone }
    this.#writers.add(writer)
    const version = (this.#versions.get(key) ?? 0) + 1
    this.#versions.set(key, version)
    this.#lines.push({ kind: 'commit', key, version, at: this.#now() })
    this.#untold.add(writer)
    await this.steps.step(life.name, `committed ${key} ${version}`)
    await this.#untilAcked(life, (tries) => {
      if (tell === 'set' && tries === 0) {
        return this.#change(life, lane, 'set', { key, version }, () =>
          cache.set(key, { key, version }, { tags: [TAG], ttl: TTL_MS }),
        )
      }
      if (tell === 'tag')
        return this.#change(life, lane, 'invalidateTags', { tag: TAG }, () => cache.invalidateTags([TAG]))
      if (tell === 'clear') return this.#change(life, lane, 'clear', {}, () => cache.clear())
      return this.#change(life, lane, 'delete', { key }, () => cache.delete(key))
    })
    this.#forget(writer)
  }

  async #writeThrough(life: Life, lane: number, key: string, slowMs: number): Promise<void> {
    const { cache } = life
    if ([...this.#writers].some((one) => one.key === key && one.alone)) return
    const writer = { life: life.name, key, alone: false }
    this.#writers.add(writer)
    let version: number | undefined
    const attempt = (): Promise<boolean> => {
      const began = this.#ms
      this.#held.add(writer)
      return this.#record({ kind: 'op', process: life.name, lane, op: 'set', key, start: this.#now() }, async () => {
        await cache.transaction({ keys: [key], hold: HOLD_MS }, async (transaction) => {
          await this.steps.step(life.name, `commits ${key}`)
          if (slowMs > 0) await new Promise<void>((resolve) => life.clock.after(slowMs, resolve))
          // Only the process itself can repair a write that reaches the source after its hold is over.
          if (this.#ms - began >= HOLD_MS) this.#untold.add(writer)
          version = (this.#versions.get(key) ?? 0) + 1
          this.#versions.set(key, version)
          this.#lines.push({ kind: 'commit', key, version, at: this.#now() })
          await this.steps.step(life.name, `committed ${key} ${version}`)
          transaction.set(key, { key, version }, { tags: [TAG], ttl: TTL_MS })
        })
        return version === undefined ? { acked: true } : { acked: true, version }
      })
    }
    await this.#untilAcked(life, () =>
      version === undefined ? attempt() : this.#change(life, lane, 'delete', { key }, () => cache.delete(key)),
    )
    this.#forget(writer)
  }

  #forget(writer: Writer): void {
    for (const writers of [this.#writers, this.#held, this.#untold]) writers.delete(writer)
  }

  async #untilAcked(life: Life, attempt: (tries: number) => Promise<boolean>): Promise<void> {
    for (let tries = 0; !(await attempt(tries)); tries++) {
      const waited = new Promise<void>((resolve) => life.clock.after(RETRY_MS, resolve))
      await waited
    }
  }

  async #read(
    life: Life,
    lane: number,
    op: ReadOp,
    key: string,
    work: () => Promise<unknown>,
    strong = false,
  ): Promise<void> {
    await this.#record(
      { kind: 'op', process: life.name, lane, op, key, ...(strong ? { strong } : {}), start: this.#now() },
      async () => {
        const value = await work()
        return isVersioned(value) ? { acked: true, version: value.version, of: value.key } : { acked: true }
      },
    )
  }

  async #change(
    life: Life,
    lane: number,
    op: ChangeOp,
    about: Partial<Operation>,
    work: () => Promise<unknown>,
  ): Promise<boolean> {
    return this.#record({ kind: 'op', process: life.name, lane, op, ...about, start: this.#now() }, async () => {
      const receipt = await work()
      return {
        acked: !(
          typeof receipt === 'object' &&
          receipt !== null &&
          'isApplied' in receipt &&
          receipt.isApplied === false
        ),
      }
    })
  }

  async #record(
    draft: Omit<Operation, 'end' | 'acked'>,
    work: () => Promise<Pick<Operation, 'acked'> & Partial<Operation>>,
  ): Promise<boolean> {
    this.#pending.add(draft)
    const ending = await work().catch((error: unknown) => ({ acked: false, error: describeError(error) }))
    if (!this.#pending.delete(draft)) return false
    this.#lines.push({ ...draft, ...ending, end: this.#now() })
    return ending.acked
  }

  async #happen(event: WorldStep): Promise<void> {
    if (event.world === 'pass') this.#pass(event.ms)
    else if (event.world === 'wait') await new Promise<void>((resolve) => this.#clock.after(event.ms, resolve))
    else if (event.world === 'save') this.#server.save()
    else if (event.world === 'restart') this.#disturb(() => this.#server.restart(event.how))
    else if (event.world === 'lose-record') this.#disturb(() => this.#server.loseRecord())
    else if (event.world === 'heal') this.#links.heal(event.process)
    else if (event.world === 'kill') this.#kill(event.process)
    else if (event.world === 'freeze') await this.#freeze(event.process, event.ms)
    else this.#links.cut(event.process, event.how)
  }

  /** A restart of the server outdates loads: two loads at a time are not a violation then. */
  #disturb(work: () => void): void {
    work()
    // Holds end with their epoch.
    for (const writer of this.#held) this.#untold.add(writer)
    this.#lines.push({ kind: 'fault', name: 'server', start: this.#ms, end: this.#ms })
  }

  #pass(ms: number): void {
    this.#ms += ms
    this.#clock.advance(ms)
    for (const [process, { clock }] of this.#lives.entries()) {
      if (this.#frozen.has(process)) clock.stall(ms)
      else clock.advance(ms)
    }
  }

  async #freeze(process: number, ms: number): Promise<void> {
    const { name, clock } = this.#life(process)
    const start = this.#now()
    this.#frozen.add(process)
    this.steps.stop(name)
    for (let passed = 0; passed < ms; passed += 50) {
      this.#pass(Math.min(50, ms - passed))
      await this.steps.step('world', 'time passes')
    }
    this.#lines.push({ kind: 'freeze', process: name, start, end: this.#now() })
    this.#frozen.delete(process)
    this.steps.go(name)
    // When it goes on, either its timers or the steps in progress may come first.
    void this.steps.step(name, 'timers').then(() => clock.run(0))
  }

  #kill(process: number): void {
    const life = this.#life(process)
    this.steps.drop(life.name)
    for (const draft of this.#pending) if (draft.process === life.name) this.#pending.delete(draft)
    for (const writers of [this.#writers, this.#held])
      for (const writer of writers) if (writer.life === life.name) writers.delete(writer)
    life.kill()
    // Its operations in progress may still take effect, but will not be reported.
    this.#lines.push({ kind: 'fault', name: 'killed', start: this.#ms, end: this.#ms })
    this.#lives[process] = this.#bear(process)
  }
}

function isVersioned(value: unknown): value is Versioned {
  return typeof value === 'object' && value !== null && 'key' in value && 'version' in value
}

// Erasures in this process: its part in those of others (queued writes that it dropped), and those that the program
// started itself, which the control plane would not know of otherwise.
import type { Cache, ErasedWrite } from 'millpond'
import type { Answered, DroppedWrite } from './answers.ts'
import type { Asked } from './requests.ts'
import { chosen } from './spaces.ts'

/** How long and how many are kept: they name keys of people who asked to be erased. */
const KEPT_MS = 600_000
const MOST_KEPT = 200
const LOOK_EVERY_MS = 20

interface Heard {
  readonly at: number
  readonly id: string
  readonly namespace: string
  readonly isOwn: boolean
  readonly writes: readonly ErasedWrite[]
}

interface Begun {
  readonly seq: number
  readonly at: number
  readonly id: string
  readonly namespace: string
  readonly writes: number
}

export class ErasureLog {
  /** Stops listening. */
  readonly close: () => void
  readonly #cache: Cache
  #heard: Heard[] = []
  /** Own erasures for which it is not yet known whether the control plane requested them. */
  #undecided: Heard[] = []
  #begun: Begun[] = []
  #seq = 0
  /** Erasures that the control plane requested and that run here now, and the ids of those that have run. */
  #running = 0
  readonly #asked = new Set<string>()

  constructor(cache: Cache) {
    this.#cache = cache
    this.close = cache.on('erased', ({ id, namespace, writes, isOwn }) => {
      const heard = { at: Date.now(), id, namespace, isOwn, writes }
      this.#heard = [...this.#heard.filter(({ at }) => at > heard.at - KEPT_MS), heard].slice(-MOST_KEPT)
      if (!isOwn) return
      this.#undecided.push(heard)
      this.#decide()
    })
  }

  /** How many erasures the program has started itself. */
  get begun(): number {
    return this.#seq
  }

  /** Runs an erasure that the control plane requested. */
  async asked<T extends { readonly receipts: readonly { readonly id: string }[] }>(work: () => Promise<T>): Promise<T> {
    this.#running++
    try {
      const done = await work()
      for (const { id } of done.receipts) this.#asked.add(id)
      return done
    } finally {
      this.#running--
      this.#decide()
    }
  }

  /**
   * What this process has dropped for these erasures, once it has done its part of those whose namespaces are open
   * here.
   */
  async of({ receipts, wait_ms }: Asked<'erase_heard'>): Promise<Answered['erase_heard']> {
    const until = performance.now() + wait_ms
    const wanted = receipts.filter(({ namespace }) => chosen(this.#cache, [namespace]).length > 0)
    const found = () =>
      wanted.flatMap(({ id, namespace }) => this.#heard.filter((one) => one.id === id && one.namespace === namespace))
    while (found().length < wanted.length && performance.now() < until)
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    const heard = found()
    return {
      missing: wanted
        .filter(({ id, namespace }) => !heard.some((one) => one.id === id && one.namespace === namespace))
        .map(({ namespace }) => namespace),
      writes: heard
        .filter(({ isOwn }) => !isOwn)
        .flatMap(({ namespace, writes }) => writes.map((write) => ({ namespace, ...droppedWrite(write) }))),
    }
  }

  /** Those that the program has started itself, after this number. */
  since({ after }: Asked<'erase_begun'>): Answered['erase_begun'] {
    return {
      cache: this.#cache.info().name,
      begun: this.#begun
        .filter(({ seq }) => seq > after)
        .map(({ at, ...rest }) => ({ ...rest, at: new Date(at).toISOString() })),
    }
  }

  #decide(): void {
    if (this.#running > 0) return
    for (const { id, namespace, writes, at } of this.#undecided)
      if (!this.#asked.has(id)) this.#begun.push({ seq: ++this.#seq, at, id, namespace, writes: writes.length })
    this.#undecided = []
    this.#asked.clear()
    this.#begun = this.#begun.slice(-MOST_KEPT)
  }
}

export const droppedWrite = ({ collection, key, kind, wasSent, wasDead }: ErasedWrite): DroppedWrite => ({
  collection,
  key,
  kind: kind ?? null,
  was_sent: wasSent,
  was_dead: wasDead,
})

// The positions of namespaces as far as this process knows them: from the moves that others recorded
// (`ledger-moves.ts`), and from pulls.
//
// What is known is each namespace's position at the last move that was read. While that is still the last move, nothing
// has moved. Otherwise the moves since then are read, and must begin with the known one, by its stamp: if they do not,
// it is another history (a lost hash, a server with older data), and nothing is known any more.
import { createHash } from 'node:crypto'
import type { LedgerPlace } from '../../core/contracts.ts'
import type { Position } from '../../core/ledger.ts'
import type { Wire } from './connection.ts'
import { MOVES } from './ledger-moves.ts'
import { list } from './script.ts'

interface Pulled {
  readonly position: Position
  /** The last move at the time of the pull. */
  readonly last: string
}

interface Moment {
  readonly monotonic: number
  readonly wall: number
}

/** Above this many, the positions of namespaces that are no longer asked about are forgotten. */
const SPARE = 1000

export class Standing {
  readonly #recordOf: (namespace: string) => string
  readonly #movesAt: string
  #serverId = ''
  #last: string | undefined
  #turn = 0
  #before: Promise<unknown> = Promise.resolve()
  readonly #known = new Map<string, Position>()
  readonly #pulled = new Map<string, Pulled>()
  /**
   * When the first hold of a namespace runs out, which `pull` turns into a move: by both clocks, since the monotonic
   * one may stand still while the machine sleeps.
   */
  readonly #due = new Map<string, Moment>()
  readonly #tags = new Map<string, string>()

  /** @param movesAt the name of the moves. */
  constructor(movesAt: string, recordOf: (namespace: string) => string) {
    this.#movesAt = movesAt
    this.#recordOf = recordOf
  }

  /**
   * Notes the answer of a `pull`: the position, the last move at that moment, and how long the first hold lasted at
   * least from `asked` on (less than 0: there is none).
   */
  pulled({ serverId }: Wire, namespace: string, position: Position, last: string, dueMs: number, asked: Moment): void {
    this.#isWith(serverId)
    const tag = this.#tagOf(namespace)
    if (dueMs < 0) this.#due.delete(tag)
    else this.#due.set(tag, { monotonic: asked.monotonic + dueMs, wall: asked.wall + dueMs })
    this.#pulled.delete(tag)
    this.#last ??= last
    if (last === this.#last) this.#known.set(tag, position)
    else this.#pulled.set(tag, { position, last })
  }

  /** Its position is not known any more. */
  forget(namespace: string): void {
    const tag = this.#tagOf(namespace)
    this.#known.delete(tag)
    this.#pulled.delete(tag)
  }

  /**
   * @param exchange runs an exchange on a live connection. One question at a time: what is known belongs to one moment.
   */
  unmoved(
    places: readonly LedgerPlace[],
    exchange: (talk: (wire: Wire) => Promise<boolean[]>) => Promise<boolean[]>,
  ): Promise<boolean[]> {
    const answer = this.#before.then(() => exchange((wire) => this.#ask(wire, places)))
    this.#before = answer.catch(() => {})
    return answer
  }

  async #ask(wire: Wire, places: readonly LedgerPlace[]): Promise<boolean[]> {
    // An answer may come after its deadline, when the next question is already under way.
    const turn = ++this.#turn
    this.#isWith(wire.serverId)
    const call = async (command: string, ...fields: string[]): Promise<unknown> => {
      const reply = await wire.call(command, [this.#movesAt, ...fields])
      if (turn !== this.#turn || wire.serverId !== this.#serverId) throw new Error('the answer came too late')
      return reply
    }
    const reply = await call('HGET', 'v')
    const last = reply === null ? '' : String(reply)
    if (last !== this.#last) {
      const moves = await this.#movesSince(last, (fields) => call('HMGET', ...fields))
      if (moves === undefined) this.#begin(last.endsWith(` ${wire.serverId}`) ? last : undefined)
      else this.#goOn(last, moves)
    }
    this.#forgetSpare(places)
    const now = momentNow()
    return places.map((place) => this.#stands(place, now))
  }

  /** Knowledge of one server does not apply to another. */
  #isWith(serverId: string): void {
    if (serverId === this.#serverId) return
    this.#serverId = serverId
    this.#begin(undefined)
  }

  #stands({ namespace, position }: LedgerPlace, now: Moment): boolean {
    const tag = this.#tagOf(namespace)
    const known = this.#known.get(tag)
    const due = this.#due.get(tag)
    if (due !== undefined && (due.monotonic <= now.monotonic || due.wall <= now.wall)) return false
    return known !== undefined && known.epoch === position.epoch && known.seq === position.seq
  }

  /** The moves from the last known one to the given one, both included; undefined if they are not one history. */
  async #movesSince(last: string, read: (fields: string[]) => Promise<unknown>): Promise<string[][] | undefined> {
    const from = numberOf(this.#last)
    const to = numberOf(last)
    if (!(to > from && to - from < MOVES && last.endsWith(` ${this.#serverId}`))) return undefined
    const fields = Array.from({ length: to - from + 1 }, (_, at) => String((from + at) % MOVES))
    const moves = list(await read(fields)).map((text) => String(text).split(' '))
    const isOne = moves.every(([move], at) => numberOf(move) === from + at)
    return isOne && moves[0]?.[0] === moveOf(this.#last) && moves.at(-1)?.[0] === moveOf(last) ? moves : undefined
  }

  /** Starts again, with only what was pulled at this very move. */
  #begin(last: string | undefined): void {
    this.#last = last
    this.#known.clear()
    for (const [tag, pulled] of this.#pulled) if (pulled.last === last) this.#known.set(tag, pulled.position)
    this.#pulled.clear()
  }

  #goOn(last: string, moves: readonly string[][]): void {
    this.#last = last
    const at = new Map(moves.map(([move = ''], index) => [move, index]))
    const latest = new Map(moves.slice(1).map(([, tag = ''], index) => [tag, index + 1]))
    for (const [tag, index] of latest) this.#move(tag, moves[index])
    for (const [tag, { position, last: then }] of this.#pulled) {
      const index = then.endsWith(` ${this.#serverId}`) ? at.get(moveOf(then)) : undefined
      if (index === undefined) this.#known.delete(tag)
      else if ((latest.get(tag) ?? 0) <= index) this.#known.set(tag, position)
      else {
        this.#known.set(tag, position)
        this.#move(tag, moves[latest.get(tag) ?? 0])
      }
    }
    this.#pulled.clear()
  }

  #move(tag: string, move: readonly string[] = []): void {
    if (!this.#known.has(tag)) return
    const [, , epoch, seq] = move
    if (epoch === undefined || seq === undefined) this.#known.delete(tag)
    else this.#known.set(tag, { epoch, seq: Number(seq) })
  }

  #forgetSpare(places: readonly LedgerPlace[]): void {
    if (this.#tags.size <= places.length * 2 + SPARE) return
    const asked = new Set(places.map(({ namespace }) => this.#tagOf(namespace)))
    for (const kept of [this.#known, this.#pulled, this.#due])
      for (const tag of kept.keys()) if (!asked.has(tag)) kept.delete(tag)
    for (const [namespace, tag] of this.#tags) if (!asked.has(tag)) this.#tags.delete(namespace)
  }

  /** The namespace's name in the moves. */
  #tagOf(namespace: string): string {
    const known = this.#tags.get(namespace)
    if (known !== undefined) return known
    const tag = createHash('sha1').update(this.#recordOf(namespace)).digest('hex')
    this.#tags.set(namespace, tag)
    return tag
  }
}

export const momentNow = (): Moment => ({ monotonic: performance.now(), wall: Date.now() })

const moveOf = (last: string | undefined): string => last?.split(' ', 1)[0] ?? ''
const numberOf = (move: string | undefined): number => Number(/^(\d+)\./.exec(move ?? '')?.[1] ?? Number.NaN)

// Snapshots of records too large for one step: the targets are gathered page by page while the namespace advances, and
// changes made meanwhile are added from the log.
//
// A target that exists from the first page to the last is on some page. One that changes meanwhile has a line in the
// log; one that is forgotten meanwhile has raised a floor. So the pages, plus a tail from the position before the first
// page, equal a snapshot at the tail's position. Later requests reuse the pages: only the tail must be as recent as the
// request.
import type { Snapshot, Tail } from '../core/contracts.ts'
import type { Line, Position } from '../core/ledger.ts'
import { unheld } from '../core/unheld.ts'

/** A store's immediate reply. `large`: a snapshot of more targets than one step may gather. */
export type PullReply = Snapshot | Tail | { readonly kind: 'large'; readonly position: Position }

export interface Page {
  readonly lines: readonly Line[]
  /** Undefined after the last page. */
  readonly next: string | undefined
}

export type ReadPage = (namespace: string, after: string | undefined) => Promise<Page>

interface Gathered {
  readonly from: Position
  readonly lines: Promise<Line[]>
  readonly begunAt: number
  /** Who waits for the pages, and is told of each. */
  readonly waiting: Set<() => void>
}

const KEEP_MS = 10_000
const MAX_TRIES = 3

export class PagedSnapshots {
  readonly #readPage: ReadPage
  readonly #gathered = new Map<string, Gathered>()

  constructor(readPage: ReadPage) {
    this.#readPage = readPage
  }

  /** `ask` replies from the log, or that the log does not reach back. `progress` is called for each page. */
  async pull(
    namespace: string,
    position: Position,
    ask: (from: Position) => Promise<PullReply>,
    progress: () => void = () => {},
  ): Promise<Snapshot> {
    let current = position
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const { from, lines, waiting } = this.#gather(namespace, current)
      waiting.add(progress)
      const gathered = await lines
      const reply = await ask(from)
      if (reply.kind === 'snapshot') return reply
      if (reply.kind === 'tail') {
        const older = gathered.filter((line) => line.seq <= from.seq && line.seq >= reply.floor)
        return {
          kind: 'snapshot',
          position: reply.position,
          floor: reply.floor,
          outerFloor: reply.outerFloor,
          lines: [...older, ...reply.lines],
        }
      }
      this.#gathered.delete(namespace)
      current = reply.position
    }
    throw new Error(`the log of ${namespace} moves on faster than its targets can be read`)
  }

  /** Recently begun pages of this epoch, or new ones. */
  #gather(namespace: string, position: Position): Gathered {
    const known = this.#gathered.get(namespace)
    if (known !== undefined && known.from.epoch === position.epoch && performance.now() - known.begunAt < KEEP_MS)
      return known
    const waiting = new Set<() => void>()
    const lines = this.#readPages(namespace, () => {
      for (const progress of waiting) progress()
    })
    const gathered: Gathered = { from: position, lines, begunAt: performance.now(), waiting }
    this.#gathered.set(namespace, gathered)
    const forget = (): void => {
      if (this.#gathered.get(namespace) === gathered) this.#gathered.delete(namespace)
    }
    lines.then(() => unheld(setTimeout(forget, KEEP_MS)), forget)
    return gathered
  }

  async #readPages(namespace: string, progress: () => void): Promise<Line[]> {
    const all: Line[] = []
    let after: string | undefined
    do {
      const page = await this.#readPage(namespace, after)
      for (const line of page.lines) all.push(line)
      after = page.next
      progress()
    } while (after !== undefined)
    return all.sort((a, b) => a.seq - b.seq)
  }
}

// Successors: for each row the few keys that were most often seen after it, earlier sightings counting less.
//
// A Markov table (Joseph, Grunwald, "Prefetching using Markov predictors", ISCA 1997), whose cells also count keys seen
// within a window, as the dependency graph does (Padmanabhan, Mogul, "Using predictive prefetching to improve World
// Wide Web latency", 1996).

/** A cell with this count is halved with its neighbours. */
const MOST = 60

export class Links {
  readonly width: number
  readonly to: Int32Array
  /** Seen immediately after it. */
  readonly next: Uint8Array
  /** Seen within the window. */
  readonly soon: Uint8Array
  /** For each row: how often something followed. */
  readonly total: Uint8Array

  constructor(rows: number, width: number) {
    this.width = width
    this.to = new Int32Array(rows * width)
    this.next = new Uint8Array(rows * width)
    this.soon = new Uint8Array(rows * width)
    this.total = new Uint8Array(rows)
  }

  see(row: number, hash: number, isNext: boolean): void {
    const { to, next, soon, width } = this
    const from = row * width
    let at = -1
    let least = from
    for (let cell = from; cell < from + width; cell++) {
      if ((soon[cell] as number) > 0 && to[cell] === hash) {
        at = cell
        break
      }
      if ((soon[cell] as number) < (soon[least] as number)) least = cell
    }
    if (isNext) this.total[row] = (this.total[row] as number) + 1
    if (at < 0) {
      // Frequent successors stay: each new one decrements the least frequent.
      if ((soon[least] as number) > 1) {
        soon[least] = (soon[least] as number) - 1
        if ((next[least] as number) > (soon[least] as number)) next[least] = soon[least] as number
      } else {
        to[least] = hash
        soon[least] = 1
        next[least] = isNext ? 1 : 0
      }
    } else {
      soon[at] = (soon[at] as number) + 1
      if (isNext) next[at] = (next[at] as number) + 1
      if ((soon[at] as number) >= MOST) this.#halve(row)
    }
    if ((this.total[row] as number) >= MOST) this.#halve(row)
  }

  forget(row: number): void {
    const from = row * this.width
    this.soon.fill(0, from, from + this.width)
    this.next.fill(0, from, from + this.width)
    this.total[row] = 0
  }

  #halve(row: number): void {
    const from = row * this.width
    for (let cell = from; cell < from + this.width; cell++) {
      this.soon[cell] = (this.soon[cell] as number) >> 1
      this.next[cell] = (this.next[cell] as number) >> 1
    }
    this.total[row] = (this.total[row] as number) >> 1
  }
}

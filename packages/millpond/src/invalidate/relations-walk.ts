// The breadth-first walk over rows and models: each visited once, and never more than the budget.

/** One row or model to invalidate, and why. */
export interface CascadeStep {
  /** The name of the model. */
  readonly model: string
  /** Absent: the whole model. */
  readonly id?: string
  /** The model whose relation led here; absent for the change itself. */
  readonly by?: string
  /** The number of relations between the change and this step; 0 for the change itself. */
  readonly depth: number
}

/** A step with whether its own relations are followed. */
export interface Met {
  readonly step: CascadeStep
  readonly follows: boolean
}

export interface WalkLimits {
  readonly maxDepth: number
  readonly maxTargets: number
}

const WHOLE = ''

export class Walk {
  readonly #limits: WalkLimits
  /** By model, then by row; the whole model under the empty string, alone. In the order of discovery. */
  readonly #met = new Map<string, Map<string, Met>>()
  readonly #queue: Met[] = []
  readonly #widened = new Set<string>()
  #count = 0
  #at = 0

  constructor(limits: WalkLimits) {
    this.#limits = limits
  }

  reach(step: CascadeStep, follows: boolean): void {
    const rows = this.#met.get(step.model) ?? new Map<string, Met>()
    this.#met.set(step.model, rows)
    const known = rows.get(WHOLE) ?? rows.get(step.id ?? WHOLE)
    if (known !== undefined) {
      // Visited without following relations, which are to be followed now: it has to be visited again.
      if (follows && !known.follows) this.#put(rows, { step: known.step, follows })
      return
    }
    // Rows may lead to rows indefinitely (a tree's parents); whole models cannot.
    const isEndless = step.id !== undefined && step.depth > this.#limits.maxDepth
    if (step.id === undefined || isEndless) this.#makeWhole(rows, { step, follows }, isEndless)
    else this.#put(rows, { step, follows })
    this.#fit()
  }

  isWhole(model: string): boolean {
    return this.#met.get(model)?.has(WHOLE) ?? false
  }

  next(): Met | undefined {
    for (;;) {
      const met = this.#queue[this.#at++]
      // A row adds nothing if its model was invalidated whole in the meantime.
      if (met === undefined || this.#met.get(met.step.model)?.get(met.step.id ?? WHOLE) === met) return met
    }
  }

  all(): Met[] {
    return [...this.#met.values()].flatMap((rows) => [...rows.values()])
  }

  widened(): string[] {
    return [...this.#widened]
  }

  #fit(): void {
    while (this.#count > this.#limits.maxTargets) {
      const widest = this.#widest()
      const [first] = widest?.values() ?? []
      if (widest === undefined || first === undefined) return
      this.#makeWhole(widest, first, true)
    }
  }

  #makeWhole(rows: Map<string, Met>, { step, follows }: Met, isWidened: boolean): void {
    const followed = follows || [...rows.values()].some((met) => met.follows)
    this.#count -= rows.size
    rows.clear()
    if (isWidened) this.#widened.add(step.model)
    const { id: _, ...model } = step
    this.#put(rows, { step: model, follows: followed })
  }

  #put(rows: Map<string, Met>, met: Met): void {
    const name = met.step.id ?? WHOLE
    if (!rows.has(name)) this.#count++
    rows.set(name, met)
    this.#queue.push(met)
  }

  /** The model with the most rows, the first among equals; none if every model has at most one. */
  #widest(): Map<string, Met> | undefined {
    let widest: Map<string, Met> | undefined
    for (const rows of this.#met.values()) if (rows.size > Math.max(1, widest?.size ?? 0)) widest = rows
    return widest
  }
}

// A signal whose `AbortSignal` is created on first access: creating one is among the most expensive parts of a load,
// and few loaders use theirs.

export class LazyAbortSignal {
  #controller: AbortController | undefined
  #isFired = false
  #reason: unknown

  get isFired(): boolean {
    return this.#isFired
  }

  get reason(): unknown {
    return this.#reason
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#isFired) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  /** The first time counts. */
  fire(reason: unknown): void {
    if (this.#isFired) return
    this.#isFired = true
    this.#reason = reason
    this.#controller?.abort(reason)
  }
}

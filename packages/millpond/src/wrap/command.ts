// A command that was sent to a server, until it is answered or given up.

export class Command {
  #controller: AbortController | undefined
  #isOver = false

  /** Given up. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Created on first access: most tiers cannot cancel anything. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#isOver) this.#controller.abort()
    }
    return this.#controller.signal
  }

  giveUp(): void {
    this.#isOver = true
    this.#controller?.abort()
  }
}

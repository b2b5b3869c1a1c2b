// Applies the settings documents for this node: each revision once, only the newest.
import type { NodeStore } from '../core/nodes.ts'
import type { AppliedSettings, NodeCounters, NodeWarning, SettingsHandler } from './contract.ts'
import { decodeMessage, isNodeWord, reasonOf } from './message.ts'

export interface SettingsParts {
  readonly store: NodeStore
  readonly channel: string
  readonly counters: NodeCounters
  readonly warn: (warning: NodeWarning) => void
  /** An applied or refused revision is part of the published state. */
  readonly onApplied: () => void
}

export class Settings {
  readonly #store: NodeStore
  readonly #channel: string
  readonly #counters: NodeCounters
  readonly #warn: (warning: NodeWarning) => void
  readonly #onApplied: () => void
  readonly #handlers = new Map<string, SettingsHandler>()
  readonly #applied = new Map<string, AppliedSettings>()
  readonly #busy = new Set<string>()
  #revisions: ReadonlyMap<string, string> = new Map()

  constructor({ store, channel, counters, warn, onApplied }: SettingsParts) {
    this.#store = store
    this.#channel = channel
    this.#counters = counters
    this.#warn = warn
    this.#onApplied = onApplied
  }

  on(name: string, handler: SettingsHandler): () => void {
    this.#handlers.set(name, handler)
    // The result of another handler says nothing about this one.
    this.#applied.delete(name)
    return () => {
      if (this.#handlers.get(name) !== handler) return
      this.#handlers.delete(name)
      this.#applied.delete(name)
    }
  }

  get applied(): Readonly<Record<string, AppliedSettings>> {
    return Object.fromEntries(this.#applied)
  }

  /** Brings every handler to the current revision. A hanging one delays no other, and no answer to a request. */
  follow(revisions: ReadonlyMap<string, string>): void {
    this.#revisions = revisions
    for (const name of this.#handlers.keys()) void this.#bring(name)
  }

  async #bring(name: string): Promise<void> {
    const handler = this.#handlers.get(name)
    const seen = this.#revisions
    const revision = seen.get(name)
    // Nothing was put yet, or the store was emptied, which reverts nothing.
    if (handler === undefined || revision === undefined) return
    if (this.#busy.has(name) || this.#applied.get(name)?.revision === revision) return
    this.#busy.add(name)
    try {
      const applied = await this.#take(name, handler, revision)
      if (this.#handlers.get(name) !== handler) return
      this.#applied.set(name, applied)
      this.#onApplied()
    } catch {
      // The store did not answer; the next poll of the inbox retries.
      this.#counters.failures++
    } finally {
      this.#busy.delete(name)
      // Another revision, or another handler, may have come meanwhile.
      if (this.#revisions !== seen || this.#handlers.get(name) !== handler) void this.#bring(name)
    }
  }

  async #take(name: string, handler: SettingsHandler, announced: string): Promise<AppliedSettings> {
    const stored = await this.#store.getSettings(this.#channel, name)
    const revision = stored?.revision ?? announced
    const document = decodeMessage(stored?.text)
    if (document === undefined || !isNodeWord(revision)) {
      this.#counters.ignored++
      return { revision: announced, error: 'the document is not JSON that can be sent' }
    }
    try {
      await handler(document, revision)
      return { revision }
    } catch (cause) {
      this.#warn({
        kind: 'settings',
        message: `the settings ${name} were rejected: the previous ones stay in force`,
        cause,
      })
      return { revision, error: reasonOf(cause) }
    }
  }
}

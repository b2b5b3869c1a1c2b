// Writes that are being added to the log, by key: a dead letter written meanwhile must not overwrite them there.
import type { WriteLog } from './contract.ts'

export class Appends {
  readonly #log: WriteLog
  readonly #underWay = new Map<string, number>()

  constructor(log: WriteLog) {
    this.#log = log
  }

  /** Resolves with the write's number once the log has it. @throws the log's errors */
  async one(key: string, body: Uint8Array): Promise<number> {
    this.#underWay.set(key, (this.#underWay.get(key) ?? 0) + 1)
    try {
      const [number = 0] = await this.#log.append([{ key, body }])
      return number
    } finally {
      const left = (this.#underWay.get(key) ?? 1) - 1
      if (left > 0) this.#underWay.set(key, left)
      else this.#underWay.delete(key)
    }
  }

  isUnderWay(key: string): boolean {
    return this.#underWay.has(key)
  }
}

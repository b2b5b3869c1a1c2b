// The links between simulated processes and the shared tier: intact, or cut until they are healed.
import { type Transport, unreachable } from './simulator-server.ts'
import type { Steps } from './simulator-steps.ts'

interface Link {
  how: 'held' | 'reset' | undefined
  healed: () => void
  heal: Promise<void>
}

export class Links {
  readonly #links: readonly Link[]
  readonly #steps: Steps

  constructor(processes: number, steps: Steps) {
    this.#steps = steps
    this.#links = Array.from({ length: processes }, () => ({
      how: undefined,
      healed: () => {},
      heal: Promise.resolve(),
    }))
  }

  /** Each direction is one step; a link that is cut holds messages back or fails them. */
  transport(process: number, name: string): Transport {
    const pass = async (owner: string, label: string, what: string): Promise<void> => {
      await this.#steps.step(owner, label)
      for (let link = this.#links[process]; link?.how !== undefined; link = this.#links[process]) {
        if (link.how === 'reset') throw unreachable(what)
        await link.heal
        await this.#steps.step(owner, `${label}, at last`)
      }
    }
    return {
      send: (what) => pass(`net ${name}`, `> ${what}`, what),
      back: (what) => pass(name, `< ${what}`, what),
      push: (what) => pass(name, `< ${what}`, what),
    }
  }

  cut(process: number, how: 'held' | 'reset'): void {
    this.heal(process)
    const link = this.#links[process]
    if (link === undefined) return
    link.how = how
    link.heal = new Promise((resolve) => {
      link.healed = resolve
    })
  }

  heal(process: number): void {
    const link = this.#links[process]
    if (link === undefined) return
    link.how = undefined
    link.healed()
  }

  healAll(): void {
    for (const process of this.#links.keys()) this.heal(process)
  }
}

// A ring of stores in memory, each behind a link that a test cuts, freezes and heals.
import {
  type SimulatedServer,
  simulatedServer,
  type Transport,
  unreachable,
} from '../../src/testing/simulator-server.ts'
import type { DistributedNode } from '../../src/tiers/distributed/index.ts'

export interface RingStore {
  readonly name: string
  readonly server: SimulatedServer
  /** `down`: calls fail at once; `frozen`: they never end. */
  link: 'up' | 'down' | 'frozen'
  /** Calls that came, by verb, whatever became of them. */
  readonly calls: Record<string, number>
  node(weight?: number): DistributedNode
}

export function ringStore(name: string, now: () => number): RingStore {
  const server = simulatedServer({ now })
  const store: RingStore = {
    name,
    server,
    link: 'up',
    calls: {},
    node: (weight = 1) => ({ name, tier: server.connect(transport), weight }),
  }
  const transport: Transport = {
    async send(what) {
      store.calls[what] = (store.calls[what] ?? 0) + 1
      if (store.link === 'down') throw unreachable(what)
      if (store.link === 'frozen') await new Promise(() => {})
    },
    back: async () => {},
    push: async () => {},
  }
  return store
}

export const ringStores = (count: number, now: () => number): RingStore[] =>
  Array.from({ length: count }, (_, at) => ringStore(String.fromCharCode(97 + at), now))

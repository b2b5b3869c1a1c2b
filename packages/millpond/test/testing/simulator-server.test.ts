// The simulated server keeps the contracts that real stores keep: it is their reference.
import { describe, it } from 'vitest'
import { describeLedger } from '../../src/testing/ledger.ts'
import {
  type SimulatedServer,
  type SimulatedServerOptions,
  simulatedServer,
} from '../../src/testing/simulator-server.ts'
import { describeTier } from '../../src/testing/tier.ts'

let server: SimulatedServer = simulatedServer()
const open = async (options: SimulatedServerOptions = {}) => {
  server = simulatedServer(options)
  return server.connect()
}

describeLedger(
  { describe, it },
  {
    name: 'simulated',
    open,
    again: async () => server.connect(),
    loseRecord: async (namespace) => server.loseRecord(namespace),
  },
)

describeTier(
  { describe, it },
  {
    name: 'simulated',
    open,
    again: async () => server.connect(),
    skips: {
      'every-bit': 'what it holds are objects of this process, in which no bit can change',
      bounded: 'it holds what it is given',
    },
  },
)

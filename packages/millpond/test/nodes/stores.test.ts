// The places where nodes may meet, each against the suite.
import { describe, it } from 'vitest'
import type { NodeStore } from '../../src/core/nodes.ts'
import { memoryNodes } from '../../src/nodes/memory.ts'
import { describeNodeStore } from '../../src/testing/node-store.ts'

let inMemory: NodeStore
describeNodeStore(
  { describe, it },
  {
    name: 'memory',
    open: async () => {
      inMemory = memoryNodes()
      return inMemory
    },
    again: async () => inMemory,
    close: async () => undefined,
  },
)

// The log that keeps nothing beyond the process: for writes that their owner accepts to lose.
import type { WriteLog } from './contract.ts'

export function memoryLog(): WriteLog {
  let last = 0
  return {
    append: async (entries) => entries.map(() => ++last),
    settle: () => {},
    recover: async () => ({ records: [], lostBytes: 0 }),
    close: async () => {},
  }
}

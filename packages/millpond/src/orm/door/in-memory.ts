// In-memory databases of SQLite: each one is distinct, also from those of other processes.
import { randomUUID } from 'node:crypto'

/** A name for one, new each time. `undefined`: it is a file. */
export function memoryName(file: unknown): string | undefined {
  const isFile = typeof file === 'string' && file !== '' && !/^(?:file:)?:memory:|[?&]mode=memory\b/.test(file)
  return isFile ? undefined : `memory ${randomUUID()}`
}

// Databases of SQLite that live in memory: each is another one, also those of the next process.
import { randomUUID } from 'node:crypto'

/** A name for one, new each time. `undefined`: it is a file. */
export function memoryName(file: unknown): string | undefined {
  const isFile = typeof file === 'string' && file !== '' && !/^(?:file:)?:memory:|[?&]mode=memory\b/.test(file)
  return isFile ? undefined : `memory ${randomUUID()}`
}

// flru's own typing names a default export that its ES module has under another shape: one place to put that right.
import { createRequire } from 'node:module'

interface Flru<T> {
  get(key: string): T | undefined
  set(key: string, value: T): void
}

export const flru = createRequire(import.meta.url)('flru') as <T>(max: number) => Flru<T>

// The types of flru declare a default export that its ES module has in another form; corrected here.
import { createRequire } from 'node:module'

interface Flru<T> {
  get(key: string): T | undefined
  set(key: string, value: T): void
}

export const flru = createRequire(import.meta.url)('flru') as <T>(max: number) => Flru<T>

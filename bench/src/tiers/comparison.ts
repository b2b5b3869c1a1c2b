// A tier and what it is measured against.
import type { Tier } from 'millpond/tier'

export interface Comparison {
  readonly name: string
  readonly tier: Tier
  /** What it is measured against. */
  readonly bareName: string
  readonly bare: {
    /** How many were there. */
    read(keys: readonly string[]): Promise<number>
    write(keys: readonly string[], body: Buffer): Promise<void>
  }
  close(): Promise<void>
}

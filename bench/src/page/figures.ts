// What the page of benchmarks is written from: the figures as they were taken, kept beside it so that both can be
// compared.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { BytesAnswer } from '../bytes.ts'
import type { CollectionFigures } from '../collections.ts'
import type { ValueFigures } from '../values.ts'

/** Where, when and at which state a section was taken. */
export interface Taken {
  readonly date: string
  /** Short name of the commit; with `+` where files differed from it. */
  readonly commit: string
  readonly machine: string
  /** Load average of a minute when it began: what else the machine did. Absent if it was not recorded. */
  readonly load?: number
  /** What else must be known. */
  readonly note?: string
  /** Library -> what is installed. */
  readonly versions: Readonly<Record<string, string>>
}

export interface Right extends Taken {
  /** Contender -> how it stands there. */
  readonly setups: Readonly<Record<string, string>>
  readonly cells: Readonly<Record<string, readonly { readonly row: string; readonly text: string }[]>>
}

export interface Fast extends Taken {
  readonly rounds: number
  readonly sizes: readonly { readonly entries: number; readonly costs: readonly Cost[] }[]
  readonly awaited: readonly Awaited[]
  readonly isolated: readonly Awaited[]
  readonly bytes: readonly BytesAnswer[]
}

export interface Small extends Taken {
  /** Bytes are those of a value with its place in the cache. */
  readonly values: readonly ValueSize[]
}

export interface ValueSize extends Pick<ValueFigures, 'value' | 'ours' | 'lru' | 'json'> {
  /** Cost of a set over storing the value's JSON text in lru-cache: the median. */
  readonly set: number
}

/** Over lru-cache in the same round: the median. */
export interface Cost {
  readonly name: string
  readonly row: string
  readonly ratio: number
}

export interface Awaited {
  readonly name: string
  readonly row: string
  readonly ns: number
}

export interface Course {
  readonly requests: number
  readonly writes: number
  readonly hitRate: number | null
  readonly meanMs: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly queries: number
  readonly cpuMs: number
}

export interface Worth extends Taken {
  readonly seconds: number
  readonly sessions: number
  readonly compared: number
  readonly wrong: number
  readonly cached: Course
  readonly uncached: Course
}

export interface Smart extends Taken {
  /** Policy -> mean over the sizes, in percent. */
  readonly traces: readonly { readonly trace: string; readonly ratios: Readonly<Record<string, number>> }[]
  readonly mean: Readonly<Record<string, number>>
  /** Points by which it falls short of LRU where that is most. */
  readonly below: Readonly<Record<string, number>>
}

/** What stands around the cache: medians. */
export interface Around extends Taken {
  readonly series: number
  /** Without its peer where that was not installed. */
  readonly scrape: readonly { readonly name: string; readonly ms: number; readonly ratio: number }[]
  readonly collections: readonly (Pick<CollectionFigures, 'row' | 'us'> & { readonly ratio: number })[]
}

export interface Figures {
  readonly right?: Right
  readonly fast?: Fast
  readonly small?: Small
  readonly around?: Around
  readonly worth?: Worth
  readonly smart?: Smart
}

export const SECTIONS = ['right', 'fast', 'small', 'around', 'worth', 'smart'] as const
export type Section = (typeof SECTIONS)[number]

const FILE = fileURLToPath(new URL('../../figures.json', import.meta.url))

export function readFigures(file = FILE): Figures {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {}
    throw error
  }
}

export function writeFigures(figures: Figures, file = FILE): void {
  writeFileSync(file, `${JSON.stringify(figures, undefined, 2)}\n`)
}

// Lines of a ledger that tell of other regions: what was invalidated there, and what concerns this region alone.
import type { Position } from './ledger.ts'

/** Whose line it was at first, and up to which of that region's lines it stands for all. */
export interface Relay extends Position {
  readonly region: string
  /** Of the receipt there; empty where several lines came as one. */
  readonly id: string
}

const RELAYED = /^x\.([\w-]+)\.([\w-]+)\.(\d+)\.(.*)$/s
const UNHEARD = /^u\.([\w-]+)\./
/** What other regions need not hear of. */
const DOMESTIC = /^[ug]\.[\w-]+\./

export const relayedId = ({ region, epoch, seq, id }: Relay): string => `x.${region}.${epoch}.${seq}.${id}`

export function relayOf(id: string): Relay | undefined {
  const [, region, epoch, seq, own] = RELAYED.exec(id) ?? []
  return region === undefined || epoch === undefined || own === undefined
    ? undefined
    : { region, epoch, seq: Number(seq), id: own }
}

/** A step that makes stale what was loaded before it, because nobody knows what the region has invalidated since. */
export const unheardId = (region: string, id: string): string => `u.${region}.${id}`

/** The region of such a step. */
export const unheardOf = (id: string): string | undefined => UNHEARD.exec(id)?.[1]

/** A clear, because some of what the region has invalidated is not known and cannot be asked for any more. */
export const gapId = (region: string, id: string): string => `g.${region}.${id}`

export const isDomestic = (id: string): boolean => DOMESTIC.test(id)

/** As the region that it comes from knows it. */
export const idAtOrigin = (id: string): string => relayOf(id)?.id || id

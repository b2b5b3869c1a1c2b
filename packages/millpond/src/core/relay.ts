// Lines of a ledger from other regions: what was invalidated there, and what concerns only this region.
import type { Position } from './ledger.ts'

/** The region of the original line, and the last of that region's lines that it stands for. */
export interface Relay extends Position {
  readonly region: string
  /** Of the receipt there; empty if several lines came as one. */
  readonly id: string
}

const RELAYED = /^x\.([\w-]+)\.([\w-]+)\.(\d+)\.(.*)$/s
const UNHEARD = /^u\.([\w-]+)\./
/** Lines that other regions need not receive. */
const DOMESTIC = /^[ug]\.[\w-]+\./

export const relayedId = ({ region, epoch, seq, id }: Relay): string => `x.${region}.${epoch}.${seq}.${id}`

export function relayOf(id: string): Relay | undefined {
  const [, region, epoch, seq, own] = RELAYED.exec(id) ?? []
  return region === undefined || epoch === undefined || own === undefined
    ? undefined
    : { region, epoch, seq: Number(seq), id: own }
}

/** A step that expires what was loaded before it, because it is unknown what the region has invalidated since. */
export const unheardId = (region: string, id: string): string => `u.${region}.${id}`

/** The region of such a step. */
export const unheardOf = (id: string): string | undefined => UNHEARD.exec(id)?.[1]

/** A clear, because some of the region's invalidations are unknown and no longer available. */
export const gapId = (region: string, id: string): string => `g.${region}.${id}`

export const isDomestic = (id: string): boolean => DOMESTIC.test(id)

/** As known to the region that it comes from. */
export const idAtOrigin = (id: string): string => relayOf(id)?.id || id

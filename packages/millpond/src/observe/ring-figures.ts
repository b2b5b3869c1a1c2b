// The nodes of a ring as metrics: as many as can be distinguished, and the rest combined.
import type { TierMember } from '../core/contracts.ts'
import { METRICS } from './definitions.ts'
import type { Emit, Labels } from './registry.ts'

const MOST_NODES = 100
const OTHER = 'other'
const STATES = ['up', 'doubted', 'away'] as const
const FIGURES = [
  [METRICS.ringReads, 'reads'],
  [METRICS.ringFailures, 'failures'],
  [METRICS.ringRepaired, 'repaired'],
  [METRICS.ringHints, 'hints'],
  [METRICS.ringHandedOver, 'handedOver'],
  [METRICS.ringHintsDropped, 'hintsDropped'],
] as const
const MOVES = [
  ['in', 'movedIn'],
  ['out', 'movedOut'],
] as const

/** Returns how many are combined. */
export function emitRing(emit: Emit, tier: Labels<'cache' | 'tier'>, members: readonly TierMember[]): number {
  const rest = members.slice(MOST_NODES)
  for (const member of members.slice(0, MOST_NODES)) emitNode(emit, { ...tier, ring_node: member.name }, [member])
  if (rest.length > 0) emitNode(emit, { ...tier, ring_node: OTHER }, rest)
  return rest.length
}

function emitNode(emit: Emit, labels: Labels<'cache' | 'tier' | 'ring_node'>, members: readonly TierMember[]): void {
  const sum = (of: (typeof FIGURES | typeof MOVES)[number][1]): number =>
    members.reduce((all, member) => all + member[of], 0)
  for (const state of STATES)
    emit(METRICS.ringState, { ...labels, state }, members.filter((member) => member.state === state).length)
  for (const [metric, of] of FIGURES) emit(metric, labels, sum(of))
  for (const [direction, of] of MOVES) emit(METRICS.ringMoved, { ...labels, direction }, sum(of))
}

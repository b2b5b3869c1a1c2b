// A whole cache under one of the shipped policies, read by read: what was a hit.
import { policyByName } from 'millpond/memory'
import { hitRatio } from '../hit-ratio/simulate.ts'
import type { Traffic } from './traffic.ts'

/** 1 for each read that a cache of so many entries answers, where nothing expires. */
export function hitsOf(policy: string, traffic: Traffic, capacity: number): Uint8Array {
  const hits = new Uint8Array(traffic.keys.length)
  hitRatio(policyByName(policy), traffic, capacity, {
    onHit: (_, at) => {
      hits[at] = 1
    },
  })
  return hits
}

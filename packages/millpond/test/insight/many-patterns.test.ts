// What tracks patterns of keys keeps its size, however many patterns come: here each read has one of its own.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { hashOf } from '../../src/core/key-hash.ts'
import { ACTUAL_OF_PATTERN, scenariosOfPattern } from '../../src/insight/grid.ts'
import { Patterns } from '../../src/insight/patterns.ts'
import { Predictor } from '../../src/insight/predict/predictor.ts'
import { adaptiveTtl } from '../../src/insight/ttl/adaptive-ttl.ts'
import { policyByName } from '../../src/memory/policies/index.ts'

const FIRST = 20_000
const ALL = 80_000
/** A map of the patterns that come after the first would take some 6 MiB. */

const MOST_GROWTH = 2 ** 20

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const SEED = hashOf('default', 0)

type Read = (key: string, hash: number, at: number) => unknown

const PARTS: Readonly<Record<string, () => Read>> = {
  'the predictor': () => {
    const options = { entries: 500, capacity: 500, unit: 'entries', keys: 1024 } as const
    const predictor = new Predictor({ ...options, policy: policyByName('lru') })
    const read = { namespace: 'default', context: 0, isHit: false, isLost: false, weight: 1 }
    return (key, hash, time) => predictor.read({ ...read, key, hash, time }, () => 'source')
  },
  'what chooses times to live': () => {
    const chooser = adaptiveTtl()
    return (key, hash, at) => chooser.next({ namespace: 'default', key, hash, valueHash: at, now: at * 10 })
  },
  'what studies patterns': () => {
    const patterns = new Patterns(scenariosOfPattern(1000), ACTUAL_OF_PATTERN)
    return (key, hash, at) => patterns.read(patterns.of(hash, key, 'default', at))
  },
}

it.each(Object.keys(PARTS))('%s keeps its size', (name) => {
  const read = PARTS[name]?.()
  let before = 0
  for (let at = 0; at < ALL; at++) {
    if (at === FIRST) before = held()
    const key = `${lettersOf(at)}:${at % 7}`
    read?.(key, hashOf(key, SEED), at)
  }
  expect(held() - before).toBeLessThan(MOST_GROWTH)
  read?.('last', 0, ALL) // it is in use until here
})

/** In letters, since numbers are one pattern. */
const lettersOf = (number: number): string => [...String(number)].map((digit) => 'abcdefghij'[Number(digit)]).join('')

function held(): number {
  for (let turn = 0; turn < 3; turn++) collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

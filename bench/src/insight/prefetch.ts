// What prefetching brings: a whole cache with the shipped predictor against the same one without, and against the
// better of LRU and W-TinyLFU, read by read.
import { hashOf as hashOfKey } from 'millpond'
import { type KeyPlace, type KeyRead, Predictor } from 'millpond/insight'
import { policyByName } from 'millpond/memory'
import { hitRatio } from '../hit-ratio/simulate.ts'
import { isOrm, madeTraffic } from './made.ts'
import { mean, type Row } from './report.ts'
import type { Traffic } from './traffic.ts'
import { WholeCache } from './whole-cache.ts'

const PARTS = [0.05, 0.1, 0.2]
const LEAST_ENTRIES = 64
const POLICY = 'adaptive'
/** Of each kind of made traffic, played before all others: what is compiled by then is compiled for all of them. */
const FIRST_READS = 2000
const FIRST_ENTRIES = 500
/** Keys hash by their namespace, and so policies and predictor take other chances in another one. */
const namespaceOf = (seed: number): string => (seed === 0 ? 'default' : `seed-${seed}`)

export interface Prefetched {
  readonly trace: string
  /** From 0: which hashes the keys have. */
  readonly seed: number
  readonly entries: number
  /** Misses of whole caches without prefetching: the better of LRU and W-TinyLFU, and our own policy. */
  readonly better: number
  readonly without: number
  /** With it: misses, and loads, which are misses and what was prefetched. */
  readonly misses: number
  readonly loads: number
  /** Of what was prefetched, what was read while it was there. */
  readonly accuracy: number
  /** CPU per read, in microseconds, of predictor and cache. */
  readonly cost: number
}

export function prefetchedOf(traffic: Traffic, seeds = 1): Prefetched[] {
  firstReadsCost()
  const names = namesOf(traffic)
  const tables = Array.from({ length: seeds }, (_, seed) => {
    const ofSpace = hashOfKey(namespaceOf(seed), 0)
    return Int32Array.from(names, (name) => hashOfKey(name, ofSpace))
  })
  return PARTS.map((part) => Math.round(traffic.unique * part))
    .filter((entries) => entries >= LEAST_ENTRIES)
    .flatMap((entries) => {
      const missesOf = (policy: string): number =>
        Math.round((1 - hitRatio(policyByName(policy), traffic, entries) / 100) * traffic.keys.length)
      const better = Math.min(missesOf('lru'), missesOf('w-tinylfu'))
      return tables.map((hashes, seed) => ({
        trace: traffic.name,
        seed,
        entries,
        better,
        without: plain(traffic, hashes, entries),
        ...play(traffic, { names, hashes, namespace: namespaceOf(seed) }, entries),
      }))
    })
}

let firstCost: number | undefined

/**
 * CPU per read, in microseconds, of the first reads that a process predicts from, while its code is being compiled. All
 * other figures of cost are taken after that.
 */
function firstReadsCost(): number {
  if (firstCost !== undefined) return firstCost
  const costs = madeTraffic(FIRST_READS).map(({ read }) => {
    const traffic = read()
    const names = namesOf(traffic)
    const hashes = Int32Array.from(names, (name) => hashOfKey(name, hashOfKey(namespaceOf(0), 0)))
    return play(traffic, { names, hashes, namespace: namespaceOf(0) }, FIRST_ENTRIES).cost
  })
  firstCost = mean(costs)
  return firstCost
}

/**
 * A key that is only a place in the order in which keys came would tell the predictor which new key comes next, as no
 * real one does: such keys are given names that say nothing.
 */
function namesOf({ names, isRenumbered }: Traffic): readonly string[] {
  return isRenumbered ? names.map((_, at) => `${letters(Math.imul(at + 1, 0x9e3779b1) >>> 0)}@`) : names
}

/** With the sign at the end they are of one pattern. */
const letters = (number: number): string =>
  [...number.toString(16)].map((digit) => String.fromCharCode(103 + Number.parseInt(digit, 16))).join('')

function plain({ keys }: Traffic, hashes: Int32Array, entries: number): number {
  const cache = new WholeCache(POLICY, entries)
  let misses = 0
  for (const key of keys) {
    const hash = hashes[key] as number
    if (cache.hit(hash)) continue
    misses++
    cache.add(hash)
  }
  return misses
}

interface Named {
  readonly names: readonly string[]
  readonly hashes: Int32Array
  readonly namespace: string
}

function play({ keys, sessions }: Traffic, { names, hashes, namespace }: Named, entries: number) {
  const cache = new WholeCache(POLICY, entries)
  const predictor = new Predictor({ entries, capacity: entries, unit: 'entries', policy: policyByName(POLICY) })
  const seed = hashOfKey(namespace, 0)
  const placeOf = (key: string): KeyPlace => (cache.has(hashOfKey(key, seed)) ? 'memory' : 'source')
  const read: KeyRead = { hash: 0, key: '', namespace, context: 0, isHit: false, isLost: false, weight: 1, time: 0 }
  let misses = 0
  let prefetched = 0
  const began = process.cpuUsage()
  for (let at = 0; at < keys.length; at++) {
    const key = keys[at] as number
    read.hash = hashes[key] as number
    read.key = names[key] as string
    read.context = sessions === undefined ? 0 : (sessions[at] as number) + 1
    read.isHit = cache.hit(read.hash)
    if (!read.isHit) {
      misses++
      cache.add(read.hash)
    }
    predictor.read(read, placeOf)
    for (let one = 0; one < predictor.kept; one++) cache.keep(predictor.keptHashAt(one))
    prefetched += predictor.proposed
    for (let one = 0; one < predictor.proposed; one++) cache.add(predictor.hashAt(one), true)
  }
  const { user, system } = process.cpuUsage(began)
  const { used, wasted } = predictor
  return {
    misses,
    loads: misses + prefetched,
    accuracy: used / Math.max(1, used + wasted),
    cost: (user + system) / keys.length,
  }
}

export const savedOf = ({ misses, better }: Prefetched): number => 1 - misses / better
/** Against the same cache without prefetching. */
export const gainOf = ({ misses, without }: Prefetched): number => 1 - misses / without
const moreOf = ({ loads, without }: Prefetched): number => loads / without - 1

export function prefetchLines(cells: readonly Prefetched[]): string[][] {
  return [
    [
      'prefetch, trace',
      'seed',
      'entries',
      'misses without',
      'with',
      'saved',
      'of the better of LRU, W-TinyLFU',
      'more loads',
      'accuracy',
      'us a read',
    ],
    ...cells.map((cell) => [
      cell.trace,
      String(cell.seed),
      String(cell.entries),
      String(cell.without),
      String(cell.misses),
      percent(gainOf(cell)),
      percent(savedOf(cell)),
      percent(moreOf(cell)),
      cell.accuracy.toFixed(2),
      cell.cost.toFixed(1),
    ]),
  ]
}

/** By the names that these traces go by. */
const KINDS: readonly (readonly [string, RegExp, number])[] = [
  ['ORM, block and database', /orm|oltp|^p\d|block|cloudphysics|disk/i, 0.25],
  ['fifa and nasa', /fifa|nasa/i, 0.1],
]

export function judgePrefetch(all: readonly Prefetched[]): Row[] {
  return [
    ...judgeRecorded(all.filter(({ trace }) => !isMade(trace))),
    ...judgeMade(all.filter(({ trace }) => isMade(trace))),
  ]
}

const isMade = (trace: string): boolean => trace.startsWith('made: ')

function judgeMade(cells: readonly Prefetched[]): Row[] {
  if (cells.length === 0) return []
  const orm = cells.filter(({ trace }) => isOrm(trace))
  const worst = cells.reduce((least, cell) => (gainOf(cell) < gainOf(least) ? cell : least))
  const most = cells.reduce((best, cell) => (moreOf(cell) > moreOf(best) ? cell : best))
  return [
    ...(orm.length === 0
      ? []
      : [
          {
            what: `prefetch, transactions and entities made up: misses saved, mean of ${orm.length}`,
            goal: 'at least 25 %',
            is: percent(mean(orm.map(savedOf))),
            isMet: mean(orm.map(savedOf)) >= 0.25,
          },
        ]),
    {
      what: `prefetch, worst ${worst.trace}, ${worst.entries} entries`,
      goal: 'at least -0.5 %',
      is: percent(gainOf(worst)) + overSeeds(cells, worst, gainOf),
      isMet: gainOf(worst) >= -0.005,
    },
    {
      what: `prefetch, most loads ${most.trace}, ${most.entries} entries`,
      goal: 'at most 35 % more',
      is: percent(moreOf(most)) + overSeeds(cells, most, moreOf),
      isMet: moreOf(most) <= 0.35,
    },
  ]
}

function judgeRecorded(cells: readonly Prefetched[]): Row[] {
  if (cells.length === 0) return []
  const kinds = KINDS.flatMap(([kind, pattern, goal]) => {
    const of = cells.filter(({ trace }) => pattern.test(trace))
    const saved = mean(of.map(savedOf))
    const bySeed = [...new Set(of.map(({ seed }) => seed))].map((one) =>
      mean(of.filter(({ seed }) => seed === one).map(savedOf)),
    )
    const spread =
      bySeed.length === 1 ? '' : ` (${percent(Math.min(...bySeed))} to ${percent(Math.max(...bySeed))} by seed)`
    return of.length === 0
      ? []
      : [
          {
            what: `prefetch, ${kind}: misses saved, mean of ${of.length}`,
            goal: `at least ${goal * 100} %`,
            is: percent(saved) + spread,
            isMet: saved >= goal,
          },
        ]
  })
  const worst = cells.reduce((least, cell) => (gainOf(cell) < gainOf(least) ? cell : least))
  const most = cells.reduce((best, cell) => (moreOf(cell) > moreOf(best) ? cell : best))
  const slowest = Math.max(...cells.map(({ cost }) => cost))
  return [
    ...kinds,
    { what: `prefetch, all: misses saved, mean of ${cells.length}`, goal: '', is: percent(mean(cells.map(savedOf))) },
    { what: 'the same against our own policy without it', goal: '', is: percent(mean(cells.map(gainOf))) },
    {
      what: `prefetch, worst: ${worst.trace}, ${worst.entries} entries`,
      goal: 'at least -0.5 %',
      is: percent(gainOf(worst)) + overSeeds(cells, worst, gainOf),
      isMet: gainOf(worst) >= -0.005,
    },
    {
      what: `prefetch, most loads: ${most.trace}, ${most.entries} entries`,
      goal: 'at most 35 % more',
      is: percent(moreOf(most)) + overSeeds(cells, most, moreOf),
      isMet: moreOf(most) <= 0.35,
    },
    {
      what: 'prefetch, us of CPU a read, the slowest trace',
      goal: 'at most 10',
      is: slowest.toFixed(1),
      isMet: slowest <= 10,
    },
    {
      what: `the same, first ${FIRST_READS} reads of a process of each kind of made traffic, while code is compiled`,
      goal: '',
      is: firstReadsCost().toFixed(1),
    },
  ]
}

/** The mean over all sets of hashes, where there are several. */
function overSeeds(cells: readonly Prefetched[], of: Prefetched, told: (cell: Prefetched) => number): string {
  const same = cells.filter(({ trace, entries }) => trace === of.trace && entries === of.entries)
  return same.length === 1 ? '' : ` (mean of ${same.length} seeds ${percent(mean(same.map(told)))})`
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

// Strategies by their names, with a dash or an underscore and in any case, and what each means.
import { MillpondError, show } from '../core/errors.ts'
import { checkAdapts, dashed, LOAD_STRATEGIES, LRU, nothingToChoose, REFRESH_AHEAD } from '../core/strategies.ts'
import type { Collection, CollectionOptions, Strategy, WriteStrategy } from '../engine/collection.ts'

export type WriteKind = Collection<unknown, unknown>['write']

const WRITES: ReadonlyMap<string, WriteKind> = new Map([
  ['cache-aside', 'cache-aside'],
  ['write-through', 'write-through'],
  ['write-around', 'write-around'],
  ['write-behind', 'write-behind'],
  ['write-back', 'write-behind'],
])

/** @throws MillpondError `OPTION_INVALID` */
export function writeKindOf(name: WriteStrategy): WriteKind {
  const kind = WRITES.get(dashed(name))
  if (kind === undefined) throw unknown('write', name, [...WRITES.keys()])
  return kind
}

/** The cache's strategies, for collections that name none. @throws MillpondError `OPTION_INVALID` */
export function strategiesOf(given: unknown, choosesTtl: boolean): readonly Strategy[] {
  const names = given === undefined ? [] : [given].flat()
  for (const name of names) {
    const word = dashed(name)
    if (!WRITES.has(word) && !LOAD_STRATEGIES.has(word)) throw notOne('strategy', name)
    if (word === 'adaptive') checkAdaptive('strategy', {}, choosesTtl)
  }
  const writes = new Set(names.flatMap((name) => WRITES.get(dashed(name)) ?? []))
  if (writes.size > 1)
    throw new MillpondError('OPTION_INVALID', `strategy: a write cannot be ${[...writes].join(' and ')}: choose one`)
  return names as Strategy[] // each is known
}

/**
 * Those that the collection can follow: one without a writable source is not written through, one without a queue of
 * its own not behind, one with a queue only behind (what its earlier processes have left there must reach the source),
 * and one with its own TTL is not adaptive.
 */
export function inheritedBy(names: readonly Strategy[], told: Told): readonly Strategy[] {
  if (told.strategy !== undefined) return []
  return names.filter((name) => {
    const word = dashed(name)
    const kind = WRITES.get(word)
    if (kind !== undefined && (kind === 'write-behind') !== (told.writeBehind !== undefined)) return false
    if (kind !== undefined) return told.write === undefined && (kind === 'cache-aside' || hasStore(told))
    return word === 'adaptive' ? told.ttl === undefined : missingFor(word, told) === undefined
  })
}

type Named = 'load' | 'loadMany' | 'store' | 'storeMany' | 'ttl' | 'tags' | 'writeBehind'

/** The options of a collection that strategies depend on. */
type Told = Pick<CollectionOptions<unknown, unknown>, 'write' | 'strategy' | 'refreshAhead'> & {
  readonly [K in Named]?: unknown
}

export interface Chosen {
  readonly write: WriteKind
  readonly refreshAhead: CollectionOptions<unknown, unknown>['refreshAhead']
}

/** The combined result of a collection's `write` and `strategy`. @throws MillpondError `OPTION_INVALID` */
export function chosenOf(name: string, options: Told, choosesTtl: boolean): Chosen {
  const names = options.strategy === undefined ? [] : [options.strategy].flat()
  const writes = new Set(options.write === undefined ? [] : [writeKindOf(options.write)])
  for (const given of names) {
    const word = dashed(given)
    const kind = WRITES.get(word)
    if (kind !== undefined) writes.add(kind)
    else if (!LOAD_STRATEGIES.has(word)) throw notOne(`collection ${name}: strategy`, given)
    const missing = missingFor(word, options)
    if (missing !== undefined)
      throw new MillpondError('OPTION_INVALID', `collection ${name}: the strategy ${word} needs ${missing}`)
    if (word === 'adaptive') checkAdaptive(`collection ${name}`, options, choosesTtl)
  }
  const usual = options.writeBehind !== undefined ? 'write-behind' : hasStore(options) ? 'write-through' : 'cache-aside'
  const [write = usual, ...more] = writes
  if (more.length > 0)
    throw new MillpondError(
      'OPTION_INVALID',
      `collection ${name}: a write cannot be ${write} and ${more.join(' and ')}: choose one`,
    )
  if (write !== 'cache-aside' && !hasStore(options))
    throw new MillpondError(
      'OPTION_INVALID',
      `collection ${name}: ${write} needs a way to write: give store or storeMany`,
    )
  if (options.writeBehind !== undefined && write !== 'write-behind')
    throw new MillpondError(
      'OPTION_INVALID',
      `collection ${name}: writeBehind is given, but writes are ${write}: add write: 'write-behind'`,
    )
  const isAhead = names.some((given) => dashed(given) === 'refresh-ahead')
  return { write, refreshAhead: options.refreshAhead ?? (isAhead ? REFRESH_AHEAD : undefined) }
}

function missingFor(word: string, { load, loadMany, ttl, tags }: Told): string | undefined {
  if (word === 'read-through' || word === 'refresh-ahead')
    return load === undefined && loadMany === undefined ? 'load or loadMany' : undefined
  if (word === 'ttl') return ttl === undefined ? 'ttl' : undefined
  return word === 'tag-based' && tags === undefined ? 'tags' : undefined
}

function checkAdaptive(what: string, { ttl }: Pick<Told, 'ttl'>, choosesTtl: boolean): void {
  checkAdapts(choosesTtl, what)
  if (ttl !== undefined)
    throw new MillpondError('OPTION_INVALID', `${what}: the strategy adaptive ${nothingToChoose(ttl)}`)
}

const hasStore = ({ store, storeMany }: Told): boolean => store !== undefined || storeMany !== undefined

function notOne(what: string, given: unknown): MillpondError {
  if (dashed(given) === 'lru')
    return new MillpondError('OPTION_INVALID', `${what} ${show(given)} is not possible here: ${LRU}`)
  return unknown(what, given, [...WRITES.keys(), ...LOAD_STRATEGIES])
}

const unknown = (what: string, name: unknown, names: readonly string[]): MillpondError =>
  new MillpondError('OPTION_INVALID', `${what}: ${show(name)} is not known: use one of ${names.join(', ')}`)

// Strategies of loads by their names, with a dash or an underscore and in any case.
import { MillpondError, show } from './errors.ts'

/** A strategy of loads by name: how values are read and stored. */
export type LoadStrategy =
  | 'read-through'
  | 'read_through'
  | 'refresh-ahead'
  | 'refresh_ahead'
  | 'ttl'
  | 'TTL'
  | 'tag-based'
  | 'tag_based'
  | 'adaptive'

/** A name as it is compared. */
export const dashed = (name: unknown): string => String(name).replaceAll('_', '-').toLowerCase()

const isNamed = (given: unknown, word: string): boolean =>
  given !== undefined && [given].flat().some((name) => dashed(name) === word)
export const isAdaptive = (given: unknown): boolean => isNamed(given, 'adaptive')
export const isFixed = (given: unknown): boolean => isNamed(given, 'ttl')
export const isAhead = (given: unknown): boolean => isNamed(given, 'refresh-ahead')

export const LOAD_STRATEGIES: ReadonlySet<string> = new Set([
  'read-through',
  'refresh-ahead',
  'ttl',
  'tag-based',
  'adaptive',
])
const OF_WRITES = /^write-|^cache-aside$/
/** Share of the TTL after which `refresh-ahead` refreshes, by default. */
export const REFRESH_AHEAD = 0.8

/** What the options say beside the strategy, and what they are laid over. */
export interface Told {
  readonly hasTtl: boolean
  readonly hasTags: boolean
  /** The TTL that is given together with the strategy. */
  readonly ttl: unknown
}

/**
 * The names of a call's strategies, as they are compared.
 * @throws MillpondError `OPTION_INVALID` for an unknown one, and for one that needs what is missing.
 */
export function loadStrategies(given: unknown, { hasTtl, hasTags, ttl }: Told): ReadonlySet<string> {
  const names = new Set<string>()
  for (const name of [given].flat()) {
    const word = dashed(name)
    if (!LOAD_STRATEGIES.has(word)) throw notOfLoads(name, word)
    names.add(word)
  }
  if (names.has('ttl') && names.has('adaptive')) throw invalid('a TTL cannot be both ttl and adaptive: choose one')
  if (names.has('ttl') && !hasTtl) throw invalid('the strategy ttl needs ttl')
  if (names.has('tag-based') && !hasTags) throw invalid('the strategy tag-based needs tags')
  if (names.has('adaptive') && ttl !== undefined) throw invalid(`the strategy adaptive ${nothingToChoose(ttl)}`)
  return names
}

/** Names that change nothing: they ask that a TTL or tags be said. */
const ONLY_ASK: ReadonlySet<string> = new Set(['ttl', 'tag-based'])

/** Judged options, without what is not judged again when the options change that they are laid over. */
export function onceJudged<T extends { readonly strategy?: unknown }>(options: T): T {
  const { strategy, ...rest } = options
  if (strategy === undefined) return options
  return { ...rest, strategy: [strategy].flat().filter((name) => !ONLY_ASK.has(dashed(name))) } as T
}

/** @throws MillpondError `OPTION_INVALID` */
export function checkAdapts(choosesTtl: boolean, what: string): void {
  if (choosesTtl) return
  throw new MillpondError(
    'OPTION_INVALID',
    `${what}: the strategy adaptive needs an adaptive TTL: use createCache({ adaptiveTtl: adaptiveTtl() }), from millpond/insight`,
  )
}

export const nothingToChoose = (ttl: unknown): string =>
  `chooses the ttl, but ttl ${show(ttl)} leaves it nothing to choose: leave it out, or give bounds: adaptiveTtl({ minTtl, ttl, maxTtl })`

/** Why this name, which users of other caches try, is not a strategy here. */
export const LRU = "it is the eviction policy of the whole cache: use memory({ policy: 'lru' })"

function notOfLoads(name: unknown, word: string): MillpondError {
  if (word === 'lru') return invalid(`${show(name)} is not possible here: ${LRU}`)
  if (OF_WRITES.test(word))
    return invalid(
      `${show(name)} concerns writes: give it to a collection (cache.collection(name, { strategy })) or to one of its writes (set(id, value, { write }))`,
    )
  return invalid(`${show(name)} is not known: use one of ${[...LOAD_STRATEGIES].join(', ')}`)
}

const invalid = (why: string): MillpondError => new MillpondError('OPTION_INVALID', `strategy: ${why}`)

// What a node does when the control plane asks, for one cache of this process.
import type { Cache } from 'millpond'
import type { Insight } from 'millpond/insight'
import { keyPattern } from 'millpond/observe'
import type { Answered, Group, KeyList, KeyRow } from './answers.ts'
import { type Application, described, target } from './application.ts'
import { benchmarked } from './benchmark.ts'
import { coverage } from './coverage.ts'
import { Erasures, planErasure } from './erasure.ts'
import { ErasureLog } from './erasure-log.ts'
import { ExperimentRunner, settled } from './experiment.ts'
import { checkedReads } from './freshness.ts'
import { hitsLimit } from './hits.ts'
import { analyzed, costed, sized, tuned } from './insight.ts'
import { acked, invalidate, plan, probe } from './invalidation.ts'
import { jobsOf, triggerJob } from './jobs.ts'
import { predicted, switched } from './prediction.ts'
import { drained, filled, regionsOf, served } from './regions.ts'
import { ASKED, type Asked, type Topic } from './requests.ts'
import { preview, settingsFor } from './settings.ts'
import { chosen, keyOf, openSpaceOf } from './spaces.ts'
import { Tail } from './tail.ts'
import { testTiers } from './test-tiers.ts'
import { entriesOfUrl } from './urls.ts'
import { entriesOf, goOn, Waiting, type Walk, type Walked } from './walks.ts'
import { warm } from './warm.ts'
import { NamedWarming } from './warm-named.ts'

/** One function per topic; its arguments have been validated. */
export type Acts = { readonly [T in Topic]: (asked: Asked<T>) => Promise<Answered[T]> }

/** The time limit of a walk over memory, including pauses for other work. */
const WALK_MS = 200

export function actsOf(
  cache: Cache,
  application: Application = {},
  insight?: Insight,
  heard = new ErasureLog(cache),
  experiment = new ExperimentRunner(cache),
): Acts {
  const waiting = new Waiting()
  const named = new NamedWarming(cache, application)
  const erasures = new Erasures(cache, heard)
  const tail = new Tail(cache)
  const settings = settingsFor(cache)
  return {
    describe: async () => ({ ...cache.describe(), sources: cache.sources }),
    preview: ({ document }) => preview(cache, settings(document)),
    keys: (asked) => listKeys(cache, waiting, asked),
    groups: (asked) => group(cache, asked),
    explain: async ({ namespace, key }) => ({
      ...(await openSpaceOf(cache, namespace).explain(keyOf(key))),
      hitsLimit: hitsLimit(cache),
    }),
    url: (asked) => entriesOfUrl(cache, application, asked),
    value: (asked) => revealed(cache, asked),
    plan: (asked) => plan(cache, asked),
    invalidate: (asked) => invalidate(cache, asked),
    acked: (asked) => acked(cache, asked),
    probe: (asked) => probe(cache, asked),
    warm: (asked) => warm(cache, asked),
    application: async () => described(cache, application),
    target: (asked) => target(application, asked),
    warm_named: (asked) => named.ask(asked),
    jobs: () => jobsOf(cache),
    job_run: ({ name }) => triggerJob(cache, name),
    coverage: () => coverage(cache, application),
    regions: () => regionsOf(cache),
    region_drain: (asked) => drained(cache, asked),
    region_fill: (asked) => filled(cache, asked),
    region_serve: ({ region }) => served(cache, region),
    erase_plan: (asked) => planErasure(cache, asked),
    erase: (asked) => erasures.ask(asked),
    erase_heard: (asked) => heard.of(asked),
    erase_begun: async (asked) => heard.since(asked),
    tail: async (asked) => tail.ask(asked),
    sizing: async (asked) => sized(insight, cache.info().name, asked),
    analyze: async (asked) => analyzed(insight, cache.info().name, asked),
    cost: async (asked) => costed(insight, cache.info().name, asked),
    freshness: async () => checkedReads(insight, cache.info().name),
    prediction: async () => predicted(insight, cache.info().name),
    load_ahead: async (asked) => switched(insight, cache.info().name, asked),
    tune: (asked) => tuned(cache, asked),
    experiment: (asked) => experiment.ask(asked),
    settle: (asked) => settled(cache, asked),
    test: () => testTiers(cache),
    benchmark: (asked) => benchmarked(cache, asked),
  }
}

/** Validates the request and carries it out. @throws ZodError for a malformed request */
export async function act<T extends Topic>(acts: Acts, topic: T, body: unknown): Promise<Answered[T]> {
  return acts[topic](ASKED[topic].parse(body ?? null) as Asked<T>) // a schema of the same topic
}

async function listKeys(cache: Cache, waiting: Waiting, asked: Asked<'keys'>): Promise<KeyList> {
  const { namespaces, contains, tag, limit, cursor } = asked
  const about = JSON.stringify([namespaces, contains, tag])
  const walk: Walk | undefined =
    cursor === undefined
      ? { entries: entriesOf(cache, chosen(cache, namespaces)), scanned: 0 }
      : waiting.take(cursor, about)
  if (walk === undefined) throw new Error('this list has expired: start again without a cursor')
  const data: KeyRow[] = []
  const isAtEnd = await goOn(walk, WALK_MS, (entry) => {
    if ((contains === undefined || entry.key.includes(contains)) && (tag === undefined || entry.tags.includes(tag)))
      data.push(rowOf(entry))
    return data.length < limit
  })
  return {
    data,
    scanned: walk.scanned,
    hits_limit: hitsLimit(cache),
    cursor: isAtEnd ? null : waiting.put(walk, about),
  }
}

const rowOf = ({ namespace, key, bytes, hits, ageMs, ttlMs, tags }: Walked): KeyRow => ({
  namespace,
  key,
  bytes,
  hits,
  age_seconds: ageMs / 1000,
  ttl_seconds: ttlMs === undefined ? null : ttlMs / 1000,
  tags,
})

/** Tags with this prefix are internal to the engine. */
const RESERVED = '\u0001'
const MOST_GROUPS = 10_000

async function group(cache: Cache, { by, namespaces, limit }: Asked<'groups'>): Promise<Answered['groups']> {
  const walk: Walk = { entries: entriesOf(cache, chosen(cache, namespaces)), scanned: 0 }
  const groups = new Map<
    string,
    { name: string; namespace: string | null; entries: number; bytes: number; hits: number }
  >()
  const add = (name: string, { namespace, bytes, hits }: Walked, isOneKey: boolean): void => {
    const id = `${namespace} ${name}`
    const known = groups.get(id)
    if (known !== undefined) {
      known.entries++
      known.bytes += bytes
      known.hits += hits
    } else if (groups.size < MOST_GROUPS || isOneKey) groups.set(id, { name, namespace, entries: 1, bytes, hits })
  }
  const best = by === 'hits' || by === 'bytes' ? by : 'entries'
  const shrink = (): void => {
    for (const [id] of [...groups].sort(([, a], [, b]) => b[best] - a[best]).slice(limit)) groups.delete(id)
  }
  const isComplete = await goOn(walk, WALK_MS, (entry) => {
    if (by === 'tag') for (const tag of entry.tags) if (!tag.startsWith(RESERVED)) add(tag, entry, false)
    if (by === 'pattern') add(keyPattern(entry.key), entry, false)
    if (by === 'hits' || by === 'bytes') {
      add(entry.key, entry, true)
      if (groups.size > MOST_GROUPS) shrink()
    }
    return true
  })
  const data: Group[] = [...groups.values()].sort((a, b) => b[best] - a[best]).slice(0, limit)
  return { data, scanned: walk.scanned, hits_limit: hitsLimit(cache), is_complete: isComplete }
}

/** Changes nothing: the lookup is not counted and does not promote the entry. */
async function revealed(cache: Cache, { namespace, key }: Asked<'value'>): Promise<Answered['value']> {
  const view = await openSpaceOf(cache, namespace).getEntry(keyOf(key), { quiet: true })
  if (view.kind === 'miss') return { found: false, value: null }
  return { found: true, tier: view.tier, is_stale: view.kind === 'stale', value: toJson(view.value) }
}

/** What JSON cannot say is named. */
function toJson(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, part: unknown) => {
      if (typeof part === 'bigint') return `${part}n`
      if (part instanceof Map) return { $map: [...part] }
      if (part instanceof Set) return { $set: [...part] }
      if (part instanceof Uint8Array) return { $bytes: Buffer.from(part).toString('base64') }
      return part
    }) ?? 'null',
  )
}

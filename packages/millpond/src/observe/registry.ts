// The registry: sources of numbers register a collector or take a counter; an exporter gathers all families at once.
import { checkOptions, fn, type Shape, whole } from '../core/checks.ts'
import { MillpondError, show } from '../core/errors.ts'
import { METRICS, type MetricDefinition } from './definitions.ts'
import { createHistogram, type Histogram } from './histogram.ts'
import type { LatencyStats } from './stats.ts'

export type Labels<Label extends string = string> = Readonly<Record<Label, string>>

export interface Sample {
  /** A value for each label of the metric. */
  readonly labels: Labels
  /** A number for counters and gauges, durations with `buckets` for histograms. */
  readonly value: number | LatencyStats
}

export interface Family {
  /** The metric that the samples are of. */
  readonly definition: MetricDefinition
  /** One for each set of label values. */
  readonly samples: readonly Sample[]
}

/**
 * Emits one sample; a wrong set of labels or a missing value is a programming error and throws at the next gathering.
 */
export type Emit = <Label extends string>(
  definition: MetricDefinition<Label>,
  labels: Labels<Label>,
  value: number | LatencyStats,
) => void

/** Called when an exporter gathers; reads numbers that are kept elsewhere. Costs nothing until then. */
export type Collector = (emit: Emit) => void

/** A number of its own. Keep a reference: finding it by its labels costs more than counting. */
export interface Gauge {
  /** The current number; add to it or set it. It may only grow if the metric is a counter. */
  value: number
}

export interface Registry {
  /**
   * Numbers that are read on gathering. Returns a function that removes the collector. @throws MillpondError
   * `OPTION_INVALID`
   */
  collect(collector: Collector): () => void
  /** The counter or gauge of these labels, created at 0 by the first call. */
  number<Label extends string>(definition: MetricDefinition<Label>, labels: Labels<Label>): Gauge
  /** The histogram of these labels, empty at first. */
  histogram<Label extends string>(definition: MetricDefinition<Label>, labels: Labels<Label>): Histogram
  /** All families, ordered by name. */
  gather(): Family[]
}

export interface RegistryOptions {
  /**
   * The most series of one metric. Further ones are dropped and counted in `millpond_dropped_series`. Default 2,000.
   */
  readonly maxSeries?: number | undefined
  /** Called when a collector throws; the other families are still returned. Without it, `gather` throws. */
  readonly onError?: ((error: unknown) => void) | undefined
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const RESERVED = /^__|^(?:le|quantile)$/

const aCollector = fn<Collector>('a collector, such as cacheCollector(cache)')
const OPTIONS: Shape<RegistryOptions> = { maxSeries: whole(1), onError: fn() }

/** A registry of collectors, which are called at each scrape. */
export function createRegistry(options: RegistryOptions = {}): Registry {
  checkOptions<RegistryOptions>(options, OPTIONS, 'createRegistry')
  const { maxSeries = 2000, onError } = options
  return new Families(maxSeries, onError)
}

interface Kept {
  readonly definition: MetricDefinition
  readonly series: Map<string, { readonly labels: Labels; readonly holder: Gauge | Histogram }>
  dropped: number
}

class Families implements Registry {
  readonly #maxSeries: number
  readonly #onError: ((error: unknown) => void) | undefined
  readonly #kept = new Map<string, Kept>()
  readonly #collectors = new Set<Collector>()

  constructor(maxSeries: number, onError: ((error: unknown) => void) | undefined) {
    this.#maxSeries = maxSeries
    this.#onError = onError
  }

  collect(collector: Collector): () => void {
    aCollector(collector, 'collect')
    this.#collectors.add(collector)
    return () => this.#collectors.delete(collector)
  }

  number(definition: MetricDefinition, labels: Labels): Gauge {
    if (definition.kind === 'histogram') throw wrongKind(definition, 'a histogram')
    return this.#holder(definition, labels, () => ({ value: 0 })) as Gauge
  }

  histogram(definition: MetricDefinition, labels: Labels): Histogram {
    if (definition.kind !== 'histogram') throw wrongKind(definition, `a ${definition.kind}`)
    return this.#holder(definition, labels, createHistogram) as Histogram
  }

  gather(): Family[] {
    const gathering = new Gathering(this.#maxSeries)
    for (const { definition, series, dropped } of this.#kept.values()) {
      for (const { labels, holder } of series.values()) gathering.add(definition, labels, reading(holder))
      gathering.drop(definition, dropped)
    }
    for (const collector of this.#collectors) {
      try {
        collector((definition, labels, value) => gathering.add(definition, labels, value))
      } catch (error) {
        if (this.#onError === undefined) throw error
        this.#onError(error)
      }
    }
    return gathering.families()
  }

  #holder(definition: MetricDefinition, labels: Labels, make: () => Gauge | Histogram): Gauge | Histogram {
    checkDefinition(definition)
    const kept = this.#kept.get(definition.name) ?? { definition, series: new Map(), dropped: 0 }
    this.#kept.set(definition.name, kept)
    const own = ownLabels(definition, labels)
    const id = idOf(definition, own)
    const known = kept.series.get(id)
    if (known !== undefined) return known.holder
    const holder = make()
    // Beyond the limit the caller still gets a counter, which is not exported.
    if (kept.series.size < this.#maxSeries) kept.series.set(id, { labels: own, holder })
    else kept.dropped++
    return holder
  }
}

class Gathering {
  readonly #maxSeries: number
  readonly #families = new Map<
    string,
    { definition: MetricDefinition; samples: Map<string, Sample>; dropped: number }
  >()

  constructor(maxSeries: number) {
    this.#maxSeries = maxSeries
  }

  add(definition: MetricDefinition, labels: Labels, value: number | LatencyStats): void {
    if ((definition.kind === 'histogram') !== (typeof value === 'object')) {
      throw new MillpondError(
        'OPTION_INVALID',
        `the value of metric ${definition.name} is ${show(value)}: histograms take durations, all others numbers`,
      )
    }
    const family = this.#family(definition)
    const own = ownLabels(definition, labels)
    const id = idOf(definition, own)
    if (family.samples.size < this.#maxSeries || family.samples.has(id)) family.samples.set(id, { labels: own, value })
    else family.dropped++
  }

  drop(definition: MetricDefinition, count: number): void {
    this.#family(definition).dropped += count
  }

  families(): Family[] {
    for (const [name, { dropped }] of [...this.#families])
      if (dropped > 0) this.add(METRICS.droppedSeries, { metric: name }, dropped)
    return [...this.#families.values()]
      .sort((a, b) => (a.definition.name < b.definition.name ? -1 : 1))
      .map(({ definition, samples }) => ({ definition, samples: [...samples.values()] }))
  }

  #family(definition: MetricDefinition) {
    const known = this.#families.get(definition.name)
    if (known !== undefined) {
      if (known.definition.kind !== definition.kind) throw wrongKind(definition, `a ${known.definition.kind}`)
      return known
    }
    checkDefinition(definition)
    const fresh = { definition, samples: new Map<string, Sample>(), dropped: 0 }
    this.#families.set(definition.name, fresh)
    return fresh
  }
}

function reading(holder: Gauge | Histogram): number | LatencyStats {
  return 'value' in holder ? holder.value : holder.view({ buckets: true })
}

/** Distinguishes the series of one metric: values cannot be confused with separators. */
function idOf({ labels: names }: MetricDefinition, own: Labels): string {
  let id = ''
  for (const name of names) {
    const value = own[name] ?? ''
    id += `${value.length}:${value}`
  }
  return id
}

/** A copy in the order of the definition, with printable values. */
function ownLabels({ name, labels: names }: MetricDefinition, labels: Labels): Labels {
  if (Object.keys(labels).length !== names.length) throw wrongLabels(name, names, labels)
  const own: Record<string, string> = {}
  for (const label of names) {
    const value = labels[label]
    if (typeof value !== 'string') throw wrongLabels(name, names, labels)
    own[label] = shown(value)
  }
  return own
}

// Longer values are useless and would let one key fill the response.
const MAX_LABEL = 200

/**
 * Well-formed, because the text will be UTF-8; a truncated value carries a hash (FNV-1a) of the whole, or two could
 * become the same.
 */
function shown(value: string): string {
  if (value.length <= MAX_LABEL) return value.toWellFormed()
  let hash = 0x811c9dc5
  for (let i = 0; i < value.length; i++) hash = Math.imul(hash ^ value.charCodeAt(i), 0x01000193)
  return `${value.slice(0, MAX_LABEL - 10)}…${(hash >>> 0).toString(16)}`.toWellFormed()
}

const checked = new WeakSet<MetricDefinition>()

function checkDefinition(definition: MetricDefinition): void {
  if (checked.has(definition)) return
  const { name, kind, labels } = definition
  if (!NAME.test(name))
    throw new MillpondError('OPTION_INVALID', `a metric is named ${show(name)}: use letters, digits, _ and :`)
  if ((kind === 'counter') !== name.endsWith('_total')) {
    throw new MillpondError(
      'OPTION_INVALID',
      `the ${kind} ${show(name)} has the wrong name: counters end in _total, and nothing else does`,
    )
  }
  for (const label of labels) {
    if (!LABEL.test(label) || RESERVED.test(label)) {
      throw new MillpondError(
        'OPTION_INVALID',
        `metric ${name} has a label ${show(label)}: use letters, digits and _, but not le, quantile or __`,
      )
    }
  }
  checked.add(definition)
}

function wrongKind(definition: MetricDefinition, what: string): MillpondError {
  return new MillpondError(
    'OPTION_INVALID',
    `metric ${definition.name} is ${what} and cannot be another kind of metric`,
  )
}

function wrongLabels(name: string, names: readonly string[], labels: Labels): MillpondError {
  return new MillpondError(
    'OPTION_INVALID',
    `metric ${name} got the labels ${show(labels)}: give each of ${names.join(', ') || 'none'} as a string`,
  )
}

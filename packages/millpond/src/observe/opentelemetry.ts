// OpenTelemetry: the cache's statistics as instruments, read on collection, and optional spans around its verbs.
//
// There is no convention for caches. Spans are named and filled as Sentry's cache pages expect (`cache.hit`,
// `cache.key`, `cache.item_size`); instruments are named as in the Prometheus text, without `_total`, which exporters
// append. A histogram cannot be observed from outside: its count, sum and buckets (`le`) are counters.

import {
  type Attributes,
  type MeterProvider,
  metrics,
  type Observable,
  SpanKind,
  SpanStatusCode,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import { checkOptions, flag, oneOf, type Shape, withMethods } from '../core/checks.ts'
import { isError } from '../core/errors.ts'
import { cacheCollector } from './collectors.ts'
import { METRICS, type MetricDefinition } from './definitions.ts'
import { LATENCY_BOUNDS_MS } from './histogram.ts'
import { keyPattern } from './key-pattern.ts'
import { createRegistry } from './registry.ts'
import type { CacheStats, LatencyStats } from './stats.ts'

/** What is exported to OpenTelemetry, and where. */
export interface OpenTelemetryOptions {
  /** Default: the global one. */
  readonly meterProvider?: MeterProvider | undefined
  /** Default: the global one. */
  readonly tracerProvider?: TracerProvider | undefined
  /** A span around each verb: then a hit in memory costs some microseconds more. Default `false`. */
  readonly spans?: boolean | undefined
  /**
   * How spans show keys: by their pattern (`user:*`), in full, or not at all. Default `'pattern'`: keys may contain
   * personal data.
   */
  readonly keys?: 'pattern' | 'plain' | 'hidden' | undefined
}

interface Operation {
  readonly verb: string
  readonly args: readonly unknown[]
  readonly cache: string
}

/** The used part of a cache. */
interface Told {
  info(): { readonly namespaces: Iterable<CacheStats> }
  on(event: 'miss', listener: (miss: { readonly cause: string }) => void): () => void
}

export interface OpenTelemetry {
  /** For `createCache({ plugins })`: the spans. Does nothing unless `spans` is set. */
  readonly plugin: {
    readonly name: 'opentelemetry'
    around(operation: Operation, next: () => Promise<unknown>): Promise<unknown>
  }
  /** Exports the figures of this cache, and on spans why reads missed; returns a function that stops it. */
  watch(cache: Told): () => void
  /** Stops exporting. */
  close(): void
}

const OPTIONS: Shape<OpenTelemetryOptions> = {
  meterProvider: withMethods<MeterProvider>('a meter provider of OpenTelemetry', 'getMeter'),
  tracerProvider: withMethods<TracerProvider>('a tracer provider of OpenTelemetry', 'getTracer'),
  spans: flag,
  keys: oneOf('pattern', 'plain', 'hidden'),
}
const SCOPE = 'millpond'

/**
 * Metrics, and with `spans` traces, by `@opentelemetry/api`: the program's own SDK exports them.
 * @throws MillpondError `OPTION_INVALID`
 * @example
 * const telemetry = openTelemetry({ spans: true })
 * const cache = createCache({ plugins: [telemetry.plugin] })
 * telemetry.watch(cache)
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): OpenTelemetry {
  checkOptions<OpenTelemetryOptions>(options, OPTIONS, 'openTelemetry')
  const {
    meterProvider = metrics.getMeterProvider(),
    tracerProvider = trace.getTracerProvider(),
    spans = false,
    keys = 'pattern',
  } = options
  const figures = meter(meterProvider)
  const tracer = tracerProvider.getTracer(SCOPE)
  const own = new WeakSet<object>()
  const around = (operation: Operation, next: () => Promise<unknown>): Promise<unknown> => {
    if (!spans) return next()
    const kind = KINDS[operation.verb]
    const attributes = attributesOf(operation, keys)
    return tracer.startActiveSpan(`cache.${operation.verb}`, { kind: SpanKind.CLIENT, attributes }, async (span) => {
      own.add(span)
      // A miss is recorded on the span before the answer comes.
      if (kind === 'read') span.setAttribute('cache.hit', true)
      try {
        const answer = await next()
        if (kind === 'read' && answer === undefined) span.setAttribute('cache.hit', false)
        if (kind === 'read' || operation.verb === 'set') {
          const size = sizeOf(operation.verb === 'set' ? operation.args[1] : answer)
          if (size !== undefined) span.setAttribute('cache.item_size', size)
        }
        return answer
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR })
        if (isError(error)) span.recordException({ name: error.name, message: error.message })
        throw error
      } finally {
        span.end()
      }
    })
  }
  const missed = ({ cause }: { readonly cause: string }): void => {
    const span = trace.getActiveSpan()
    if (span !== undefined && own.has(span)) span.setAttributes({ 'cache.hit': false, 'cache.miss_cause': cause })
  }
  return {
    plugin: { name: 'opentelemetry', around },
    watch(cache) {
      const forget = figures.add(cache)
      const unheard = spans ? cache.on('miss', missed) : undefined
      return () => {
        forget()
        unheard?.()
      }
    },
    close: figures.close,
  }
}

const KINDS: Readonly<Record<string, 'read' | undefined>> = { get: 'read', getOrSet: 'read' }
/** Sentry's names for operations of caches. */
const OPS: Readonly<Record<string, string>> = {
  get: 'cache.get',
  getMany: 'cache.get',
  getEntry: 'cache.get',
  getOrSet: 'cache.get',
  set: 'cache.put',
  setMany: 'cache.put',
  delete: 'cache.remove',
  deleteMany: 'cache.remove',
  clear: 'cache.flush',
}

function attributesOf({ verb, args, cache }: Operation, how: NonNullable<OpenTelemetryOptions['keys']>): Attributes {
  const [key] = args
  const text = typeof key === 'string' ? key : Array.isArray(key) && isTuple(verb) ? JSON.stringify(key) : undefined
  const shown = text === undefined || how === 'hidden' ? undefined : how === 'plain' ? text : keyPattern(text)
  return {
    'cache.operation': verb,
    'cache.namespace': cache,
    ...(OPS[verb] !== undefined && { 'sentry.op': OPS[verb] }),
    ...(shown !== undefined && { 'cache.key': [shown] }),
  }
}

/** For verbs that take several keys a list is not a tuple. */
const isTuple = (verb: string): boolean => !/Many$|^invalidate|^warm/.test(verb)

/** Of values with a known length; nothing is serialised for it. */
const sizeOf = (value: unknown): number | undefined =>
  typeof value === 'string' ? value.length : value instanceof Uint8Array ? value.byteLength : undefined

interface Figures {
  add(cache: Told): () => void
  close(): void
}

function meter(provider: MeterProvider): Figures {
  const instruments = provider.getMeter(SCOPE)
  const registry = createRegistry()
  const byName = new Map<string, Observable>()
  const make = (name: string, kind: MetricDefinition['kind'], description: string): void => {
    const made =
      kind === 'gauge'
        ? instruments.createObservableGauge(name, { description })
        : instruments.createObservableCounter(name, { description })
    byName.set(name, made)
  }
  for (const { name, kind, help } of Object.values<MetricDefinition>(METRICS)) {
    if (kind !== 'histogram') make(nameOf(name), kind, help)
    else for (const part of ['count', 'sum', 'bucket']) make(`${name}_${part}`, 'counter', `${help} (${part})`)
  }
  const all = [...byName.values()]
  const read = (observe: { observe(instrument: Observable, value: number, attributes?: Attributes): void }): void => {
    const tell = (name: string, value: number, attributes: Attributes): void => {
      const instrument = byName.get(name)
      if (instrument !== undefined) observe.observe(instrument, value, attributes)
    }
    for (const { definition, samples } of registry.gather())
      for (const { labels, value } of samples) {
        if (typeof value === 'number') tell(nameOf(definition.name), value, labels)
        else tellTimes(definition.name, value, labels, tell)
      }
  }
  instruments.addBatchObservableCallback(read, all)
  return {
    add: (cache) => registry.collect(cacheCollector(cache)),
    close: () => instruments.removeBatchObservableCallback(read, all),
  }
}

const nameOf = (name: string): string => name.replace(/_total$/, '')

function tellTimes(
  name: string,
  { count, avgMs, buckets = [] }: LatencyStats,
  labels: Attributes,
  tell: (name: string, value: number, attributes: Attributes) => void,
): void {
  tell(`${name}_count`, count, labels)
  tell(`${name}_sum`, (count * avgMs) / 1000, labels)
  for (const [at, bound] of LATENCY_BOUNDS_MS.entries()) {
    const below = buckets[at]
    if (below !== undefined) tell(`${name}_bucket`, below, { ...labels, le: String(bound / 1000) })
  }
  tell(`${name}_bucket`, count, { ...labels, le: '+Inf' })
}

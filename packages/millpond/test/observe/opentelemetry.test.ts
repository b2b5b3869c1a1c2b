// OpenTelemetry, with its own SDK: what the readers and exporters get.
import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { createCache } from 'millpond'
import { METRICS, type MetricDefinition } from 'millpond/observe'
import { openTelemetry } from 'millpond/opentelemetry'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
})
afterAll(() => context.disable())

function metered() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const read = async () => {
    await meterProvider.forceFlush()
    const found =
      exporter
        .getMetrics()
        .at(-1)
        ?.scopeMetrics.flatMap(({ metrics }) => metrics) ?? []
    exporter.reset()
    return new Map(
      found.map((one) => [one.descriptor.name, one.dataPoints.map(({ value, attributes }) => ({ value, attributes }))]),
    )
  }
  return { meterProvider, read, close: () => meterProvider.shutdown() }
}

describe('metrics', () => {
  it('are what the cache has counted, with the same labels, read when the reader asks', async () => {
    const { meterProvider, read, close } = metered()
    const telemetry = openTelemetry({ meterProvider })
    const cache = createCache({ name: 'shop' })
    const stop = telemetry.watch(cache)
    await cache.set('a', 1)
    await cache.get('a')
    await cache.get('none')
    const found = await read()
    expect(found.get('millpond_hits')).toEqual([
      { value: 1, attributes: { cache: 'shop', cache_ns: 'default', tier: 'memory' } },
    ])
    expect(found.get('millpond_miss_causes')).toContainEqual({
      value: 1,
      attributes: { cache: 'shop', cache_ns: 'default', cause: 'cold' },
    })
    expect(found.get('millpond_entries')?.[0]?.value).toBe(1)
    expect(found.get('millpond_operation_duration_seconds_count')).toContainEqual({
      value: 1,
      attributes: { cache: 'shop', cache_ns: 'default', op: 'set' },
    })
    expect(found.get('millpond_operation_duration_seconds_bucket')).toContainEqual({
      value: 1,
      attributes: { cache: 'shop', cache_ns: 'default', op: 'set', le: '+Inf' },
    })
    const names = new Set(Object.values<MetricDefinition>(METRICS).map(({ name }) => name.replace(/_total$/, '')))
    for (const name of found.keys()) expect(names.has(name.replace(/_(count|sum|bucket)$/, '')), name).toBe(true)
    stop()
    await cache.get('a')
    expect((await read()).get('millpond_hits')?.[0]?.value ?? 1).toBe(1)
    telemetry.close()
    await cache.close()
    await close()
  })

  it('of several caches stand beside one another', async () => {
    const { meterProvider, read, close } = metered()
    const telemetry = openTelemetry({ meterProvider })
    const caches = ['a', 'b'].map((name) => createCache({ name }))
    for (const cache of caches) telemetry.watch(cache)
    expect((await read()).get('millpond_loads')?.map(({ attributes }) => attributes.cache)).toEqual(['a', 'b'])
    telemetry.close()
    for (const cache of caches) await cache.close()
    await close()
  })
})

describe('spans', () => {
  function traced(options: Parameters<typeof openTelemetry>[0] = {}) {
    const exporter = new InMemorySpanExporter()
    const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
    const telemetry = openTelemetry({ tracerProvider, spans: true, ...options })
    const cache = createCache({ name: 'shop', plugins: [telemetry.plugin] })
    telemetry.watch(cache)
    const spans = () =>
      exporter.getFinishedSpans().map(({ name, attributes, status }) => ({ name, attributes, status: status.code }))
    return { telemetry, cache, spans, exporter, tracerProvider }
  }

  it('tell hits, misses with their cause, sizes and redacted keys, as Sentry names them', async () => {
    const { cache, spans } = traced()
    await cache.set('user:7', 'Ada Lovelace')
    await cache.get('user:7')
    await cache.get('user:8')
    await cache.getOrSet('user:9', async () => 'loaded')
    await cache.getOrSet('user:9', async () => 'loaded')
    expect(spans()).toMatchObject([
      { name: 'cache.set', attributes: { 'sentry.op': 'cache.put', 'cache.item_size': 12, 'cache.key': ['user:*'] } },
      { name: 'cache.get', attributes: { 'sentry.op': 'cache.get', 'cache.hit': true, 'cache.item_size': 12 } },
      { name: 'cache.get', attributes: { 'cache.hit': false, 'cache.miss_cause': 'cold' } },
      { name: 'cache.getOrSet', attributes: { 'cache.hit': false, 'cache.miss_cause': 'cold' } },
      { name: 'cache.getOrSet', attributes: { 'cache.hit': true, 'cache.item_size': 6 } },
    ])
    expect(JSON.stringify(spans())).not.toContain('Ada')
    await cache.close()
  })

  it('are children of the caller’s span, and parents of the loader’s', async () => {
    const { cache, exporter, tracerProvider } = traced()
    const tracer = tracerProvider.getTracer('app')
    await tracer.startActiveSpan('request', async (request) => {
      await cache.getOrSet('a', async () => tracer.startActiveSpan('query', (query) => query.end()) ?? 1)
      request.end()
    })
    const [query, verb, request] = exporter.getFinishedSpans()
    expect([query?.name, verb?.name, request?.name]).toEqual(['query', 'cache.getOrSet', 'request'])
    expect(verb?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId)
    expect(query?.parentSpanContext?.spanId).toBe(verb?.spanContext().spanId)
    await cache.close()
  })

  it('end as failed with what a loader throws, which comes through unchanged', async () => {
    const { cache, spans } = traced({ keys: 'plain' })
    const error = new Error('the source is away')
    await expect(cache.getOrSet(['user', 7], () => Promise.reject(error))).rejects.toBe(error)
    expect(spans()).toMatchObject([{ status: 2, attributes: { 'cache.key': ['["user",7]'] } }])
    await cache.close()
  })

  it('are not made unless they are requested, and other spans are left alone', async () => {
    const { cache, spans, tracerProvider, exporter } = traced({ spans: false, keys: 'hidden' })
    await tracerProvider.getTracer('app').startActiveSpan('request', async (span) => {
      await cache.get('none')
      span.end()
    })
    expect(spans()).toMatchObject([{ name: 'request', attributes: {} }])
    expect(Object.keys(exporter.getFinishedSpans()[0]?.attributes ?? {})).toEqual([])
    await cache.close()
  })

  it('hide keys where that is said, and cost no error without an SDK', async () => {
    const { cache, spans } = traced({ keys: 'hidden' })
    await cache.get('secret')
    expect(spans()[0]?.attributes).not.toHaveProperty('cache.key')
    await cache.close()
    trace.disable()
    const telemetry = openTelemetry({ spans: true })
    const plain = createCache({ plugins: [telemetry.plugin] })
    telemetry.watch(plain)
    await plain.set('a', 1)
    expect(await plain.get('a')).toBe(1)
    telemetry.close()
    await plain.close()
  })
})

it('refuses options that are none', () => {
  for (const options of [{ keys: 'some' }, { span: true }, { meterProvider: {} }])
    expect(() => openTelemetry(options as object), JSON.stringify(options)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
})

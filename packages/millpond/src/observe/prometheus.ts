// The text format that Prometheus scrapes, version 0.0.4.
import { LATENCY_BOUNDS_MS } from './histogram.ts'
import type { Family, Labels, Registry, Sample } from './registry.ts'

/** The content type of the text that Prometheus scrapes. */
export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** The content type of OpenMetrics text. */
export const OPENMETRICS_CONTENT_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

/** All metrics of the registry as text, with HELP and TYPE. Durations are in seconds. */
export function prometheusText(registry: Registry): string {
  return registry
    .gather()
    .map((family) => familyText(family, family.definition.name, escapeHelp))
    .join('')
}

/** The same as OpenMetrics 1.0: families of counters are named without `_total`, and the text has an end. */
export function openMetricsText(registry: Registry): string {
  const families = registry.gather().map((family) => familyText(family, family.definition.name.replace(/_total$/, ''), escapeText))
  return `${families.join('')}# EOF\n`
}

/**
 * The text that a scraper asks for by its `Accept` header: OpenMetrics where it prefers that, else Prometheus' own.
 * @example
 * const { text, contentType } = metricsFor(request.headers.accept, registry)
 */
export function metricsFor(accept: string | null | undefined, registry: Registry): { readonly text: string; readonly contentType: string } {
  return prefersOpenMetrics(accept ?? '')
    ? { text: openMetricsText(registry), contentType: OPENMETRICS_CONTENT_TYPE }
    : { text: prometheusText(registry), contentType: PROMETHEUS_CONTENT_TYPE }
}

/** RFC 9110 12.5.1; versions other than 0.0.1 and 1.0.0 are not written here. What names no form at all gets the older one. */
function prefersOpenMetrics(accept: string): boolean {
  let [open, plain] = [0, 0]
  for (const part of accept.split(',')) {
    const [type = '', ...parameters] = part.split(';').map((one) => one.trim().toLowerCase())
    const given = new Map(
      parameters.map((one) => [
        one.split('=')[0]?.trim() ?? '',
        one
          .slice(one.indexOf('=') + 1)
          .replace(/"/g, '')
          .trim(),
      ]),
    )
    const q = Number(given.get('q') ?? 1)
    const quality = Number.isNaN(q) ? 0 : Math.min(1, Math.max(0, q))
    const version = given.get('version')
    if (type === 'application/openmetrics-text' && (version === undefined || version === '0.0.1' || version === '1.0.0'))
      open = Math.max(open, quality)
    else if (['text/plain', 'text/*', '*/*'].includes(type)) plain = Math.max(plain, quality)
  }
  return open > 0 && open >= plain
}

/** @param family the name that HELP and TYPE have */
function familyText({ definition, samples }: Family, family: string, escaped: (help: string) => string): string {
  if (samples.length === 0) return ''
  const { name, help, kind, labels: names } = definition
  const lines = [`# HELP ${family} ${escaped(help)}`, `# TYPE ${family} ${kind}`]
  for (const sample of samples) addSample(lines, name, names, sample)
  return `${lines.join('\n')}\n`
}

function addSample(lines: string[], name: string, names: readonly string[], { labels, value }: Sample): void {
  if (typeof value === 'number') {
    lines.push(`${name}${labelText(names, labels)} ${numberText(value)}`)
    return
  }
  const { count, avgMs, buckets = [] } = value
  for (const [i, bound] of LATENCY_BOUNDS_MS.entries()) {
    const below = buckets[i]
    if (below !== undefined) lines.push(`${name}_bucket${labelText(names, labels, String(bound / 1000))} ${below}`)
  }
  lines.push(`${name}_bucket${labelText(names, labels, '+Inf')} ${count}`)
  lines.push(`${name}_sum${labelText(names, labels)} ${numberText((avgMs * count) / 1000)}`)
  lines.push(`${name}_count${labelText(names, labels)} ${count}`)
}

function labelText(names: readonly string[], labels: Labels, le?: string): string {
  const parts = names.map((name) => `${name}="${escapeLabel(labels[name] ?? '')}"`)
  if (le !== undefined) parts.push(`le="${le}"`)
  return parts.length === 0 ? '' : `{${parts.join(',')}}`
}

function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))
}

function escapeHelp(help: string): string {
  return help.toWellFormed().replace(/[\\\n]/g, (char) => (char === '\n' ? '\\n' : '\\\\'))
}

/** OpenMetrics escapes quotes in HELP, too. */
function escapeText(help: string): string {
  return help.toWellFormed().replace(/[\\\n"]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}

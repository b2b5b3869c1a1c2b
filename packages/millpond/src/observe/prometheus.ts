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

/** The same as OpenMetrics 1.0: families of counters are named without `_total`, and the text has an end marker. */
export function openMetricsText(registry: Registry): string {
  const families = registry
    .gather()
    .map((family) => familyText(family, family.definition.name.replace(/_total$/, ''), escapeText))
  return `${families.join('')}# EOF\n`
}

/**
 * The text in the format that a scraper accepts (`Accept`): OpenMetrics if it prefers that, else Prometheus' own.
 * @example const { text, contentType } = metricsFor(request.headers.accept, registry)
 */
export function metricsFor(
  accept: string | null | undefined,
  registry: Registry,
): { readonly text: string; readonly contentType: string } {
  return prefersOpenMetrics(accept ?? '')
    ? { text: openMetricsText(registry), contentType: OPENMETRICS_CONTENT_TYPE }
    : { text: prometheusText(registry), contentType: PROMETHEUS_CONTENT_TYPE }
}

/**
 * RFC 9110 12.5.1; versions other than 0.0.1 and 1.0.0 are not supported here. Without a supported format it is the
 * older one.
 */
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
    if (
      type === 'application/openmetrics-text' &&
      (version === undefined || version === '0.0.1' || version === '1.0.0')
    )
      open = Math.max(open, quality)
    else if (['text/plain', 'text/*', '*/*'].includes(type)) plain = Math.max(plain, quality)
  }
  return open > 0 && open >= plain
}

/** @param family the name in HELP and TYPE */
function familyText({ definition, samples }: Family, family: string, escaped: (help: string) => string): string {
  if (samples.length === 0) return ''
  const { name, help, kind, labels: names } = definition
  const lines = [`# HELP ${family} ${escaped(help)}`, `# TYPE ${family} ${kind}`]
  for (const sample of samples) addSample(lines, name, names, sample)
  return `${lines.join('\n')}\n`
}

/** The upper ends of buckets, in seconds. */
const LES: readonly string[] = LATENCY_BOUNDS_MS.map((bound) => String(bound / 1000))

/** The labels are concatenated once for all lines of a sample: a histogram has twenty. */
function addSample(lines: string[], name: string, names: readonly string[], { labels, value }: Sample): void {
  const inner = labelText(names, labels)
  const braced = inner === '' ? '' : `{${inner}}`
  if (typeof value === 'number') {
    lines.push(`${name}${braced} ${numberText(value)}`)
    return
  }
  const { count, avgMs, buckets = [] } = value
  const bucket = `${name}_bucket{${inner === '' ? '' : `${inner},`}le="`
  for (let at = 0; at < LES.length; at++) {
    const below = buckets[at]
    if (below !== undefined) lines.push(`${bucket}${LES[at]}"} ${below}`)
  }
  lines.push(`${bucket}+Inf"} ${count}`)
  lines.push(`${name}_sum${braced} ${numberText((avgMs * count) / 1000)}`)
  lines.push(`${name}_count${braced} ${count}`)
}

function labelText(names: readonly string[], labels: Labels): string {
  let text = ''
  for (const name of names) text += `${text === '' ? '' : ','}${name}="${escapeLabel(labels[name] ?? '')}"`
  return text
}

const ESCAPED = /[\\"\n]/

function escapeLabel(value: string): string {
  return ESCAPED.test(value) ? value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`)) : value
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

// The text format that Prometheus scrapes, version 0.0.4.
import { LATENCY_BOUNDS_MS } from './histogram.ts'
import type { Family, Labels, Registry, Sample } from './registry.ts'

/** The content type of the text that Prometheus scrapes. */
export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** All metrics of the registry as text, with HELP and TYPE. Durations are in seconds. */
export function prometheusText(registry: Registry): string {
  return registry.gather().map(familyText).join('')
}

function familyText({ definition, samples }: Family): string {
  if (samples.length === 0) return ''
  const { name, help, kind, labels: names } = definition
  const lines = [`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${kind}`]
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

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}

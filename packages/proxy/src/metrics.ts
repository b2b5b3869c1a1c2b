// The proxy's metrics as Prometheus text. Labels are bounded: causes and origins, never URLs.
import type { HttpStats } from 'millpond/http'

export function metricsText(
  stats: HttpStats,
  origins: readonly { readonly url: string; readonly isUp: boolean }[],
  memory: { readonly rss: number; readonly heapUsed: number },
): string {
  const answers: [string, number][] = [
    ['hit', stats.hits],
    ['validated', stats.validated],
    ['stale', stats.stale],
    ['stored', stats.stored],
    ['collapsed', stats.collapsed],
    ['failed', stats.failed],
  ]
  return [
    '# HELP millpond_http_answers_total Answers by cache result.',
    '# TYPE millpond_http_answers_total counter',
    ...answers.map(([result, count]) => `millpond_http_answers_total{result="${result}"} ${count}`),
    '# HELP millpond_http_passed_total Answers that were forwarded without being stored, by reason.',
    '# TYPE millpond_http_passed_total counter',
    ...Object.entries(stats.passed).map(([reason, count]) => `millpond_http_passed_total{reason="${reason}"} ${count}`),
    '# HELP millpond_http_origin_up Whether the origin is in use.',
    '# TYPE millpond_http_origin_up gauge',
    ...origins.map(({ url, isUp }) => `millpond_http_origin_up{origin="${url}"} ${isUp ? 1 : 0}`),
    '# HELP millpond_http_resident_bytes Memory of the process.',
    '# TYPE millpond_http_resident_bytes gauge',
    `millpond_http_resident_bytes ${memory.rss}`,
    '',
  ].join('\n')
}

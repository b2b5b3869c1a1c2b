// Dashboard and alert rules: they name what is exported, all of it, and Prometheus reads them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { grafanaDashboard, prometheusRules } from '@millpond/control/dashboards'
import { INSIGHT_METRICS } from 'millpond/insight'
import { METRICS, type MetricDefinition } from 'millpond/observe'
import { afterAll, expect, it } from 'vitest'
import { describeWith, promtool, ran } from '../../millpond/test/services/index.ts'
import { EXPERIMENT_REQUESTS, HEALTH, LATE } from '../src/metrics/definitions.ts'
import { open } from './setup.ts'

const folder = mkdtempSync(join(tmpdir(), 'millpond-rules-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Shown {
  readonly id: number
  readonly title: string
  readonly type: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly expr: string; readonly refId: string }[]
}
const panels = grafanaDashboard().panels as Shown[]
const exprs = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
const known = new Map(
  [...Object.values<MetricDefinition>({ ...METRICS, ...INSIGHT_METRICS }), HEALTH, LATE, EXPERIMENT_REQUESTS].map(
    (one) => [one.name, one],
  ),
)
const metricsIn = (text: string): string[] => [...text.matchAll(/\bmillpond_\w+/g)].map(([name]) => name)
const RECORDED = /\bcache:\w+:\w+/g
const baseOf = (name: string): string => (known.has(name) ? name : name.replace(/_(bucket|sum|count)$/, ''))

it('names every exported metric, and no other', () => {
  const named = new Set(exprs.flatMap(metricsIn).map(baseOf))
  expect([...named].filter((name) => !known.has(name))).toEqual([])
  expect([...known.keys()].filter((name) => !named.has(name))).toEqual([])
  // What is recorded has a name of its own, with colons.
  const inRules = metricsIn(prometheusRules().replace(RECORDED, '')).map(baseOf)
  expect(inRules.filter((name) => !known.has(name))).toEqual([])
})

it('records each metric that alerts use, once, before the first of them', () => {
  const rules = prometheusRules()
  const recorded = [...rules.matchAll(/- record: (\S+)/g)].map(([, name]) => name)
  const asked = [...rules.slice(rules.indexOf('- alert:')).matchAll(RECORDED)].map(([name]) => name)
  expect(recorded.length).toBeGreaterThan(5)
  expect(new Set(recorded).size).toBe(recorded.length)
  expect(new Set(asked)).toEqual(new Set(recorded))
  expect(rules.lastIndexOf('- record:')).toBeLessThan(rules.indexOf('- alert:'))
})

it('takes rates only of counters, and quantiles of histograms', () => {
  for (const expr of exprs)
    for (const [, name = ''] of expr.matchAll(/rate\((millpond_\w+)/g)) {
      const metric = known.get(baseOf(name))
      expect(metric?.kind === 'counter' || (metric?.kind === 'histogram' && name.endsWith('_bucket')), expr).toBe(true)
    }
})

it('is reproducible; no two panels share an id or overlap', () => {
  expect(JSON.stringify(grafanaDashboard())).toBe(JSON.stringify(grafanaDashboard()))
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, at) => `${x + (at % w)} ${y + Math.floor(at / w)}`),
  )
  expect(new Set(cells).size).toBe(cells.length)
  for (const { targets = [] } of panels) expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length)
})

it('uses the configured thresholds, and leaves out what is switched off', async () => {
  const opened = await open()
  const rules = { hit_ratio: { levels: { critical: 0.33 } }, tier_down: { enabled: false, levels: { high: 1 } } }
  await opened.call('PUT', 'alert_rules/', { as: 'admin', body: rules })
  const { text, headers } = await opened.call('GET', 'prometheus/rules.yml', { as: 'viewer' })
  expect(headers.get('content-type')).toBe('application/yaml')
  expect(text).toContain('< 0.33')
  expect(text).not.toContain('MillpondTierDown')
  expect(text.match(/MillpondHitRatio/g)).toHaveLength(1)
  expect((await opened.call('GET', 'grafana/dashboard.json', { as: 'viewer' })).json.uid).toBe('millpond')
  await opened.close()
})

it('conforms to Grafana’s published dashboard schema: no field is missing, of another type, or unknown', async () => {
  const { resolve } = createRequire(import.meta.url)
  const schema = dirname(resolve('@grafana/schema/package.json'))
  // A plug-in's own part of a query, and what Prometheus' reads of an annotation, are no part of it.
  const dashboard = JSON.parse(
    JSON.stringify(grafanaDashboard()),
    function (this: { refId?: string }, name: string, value: unknown) {
      const isPlugins =
        ['titleFormat', 'textFormat'].includes(name) || (this.refId === 'Anno' && ['expr', 'interval'].includes(name))
      return isPlugins ? undefined : value
    },
  )
  const drawn = dashboard.panels.filter(({ type }: Shown) => type === 'timeseries')
  const lines = [
    "import type { Dashboard } from '@grafana/schema'",
    "import type { FieldConfig, Options } from 'timeseries'",
    // A name of an enumeration stands in JSON as its text.
    `type Plain<T> = T extends string ? \`\${T}\` : T extends readonly (infer U)[] ? Plain<U>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T`,
    `export const dashboard: Plain<Dashboard> = ${JSON.stringify(dashboard, null, 1)}`,
    `export const options: Plain<Options>[] = ${JSON.stringify(drawn.map((panel: { options: unknown }) => panel.options))}`,
    `export const lines: Plain<FieldConfig>[] = ${JSON.stringify(drawn.map((panel: { fieldConfig: { defaults: { custom: unknown } } }) => panel.fieldConfig.defaults.custom))}`,
  ]
  writeFileSync(join(folder, 'dashboard.ts'), lines.join('\n'))
  const compilerOptions = {
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    types: [],
    lib: ['es2022'],
    module: 'esnext',
    moduleResolution: 'bundler',
    paths: {
      '@grafana/schema': [join(schema, 'dist/types/index.d.ts')],
      timeseries: [join(schema, 'dist/types/raw/composable/timeseries/panelcfg/x/types.gen.d.ts')],
    },
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['dashboard.ts'] }))
  const { stdout } = await ran(process.execPath, [
    join(dirname(resolve('typescript/package.json')), 'bin/tsc'),
    '-p',
    folder,
  ])
  expect(stdout.slice(0, 2000)).toBe('')
})

describeWith('promtool', 'rules', () => {
  const run = async (args: readonly string[]) => {
    const { path, env } = promtool()
    const { status, stdout, stderr } = await ran(path, args, { env, cwd: folder })
    return [status, status === 0 ? '' : stdout + stderr]
  }

  it('are parsed, and so is every query of the dashboard', async () => {
    writeFileSync(join(folder, 'rules.yml'), prometheusRules())
    expect(await run(['check', 'rules', 'rules.yml'])).toEqual([0, ''])
    // As rules of their own: promtool reads no dashboards.
    const queries = exprs.map((expr) => expr.replaceAll('$__rate_interval', '5m').replaceAll('$cache', '.*'))
    const lines = queries.map((expr, at) => `      - record: q:${at}\n        expr: ${JSON.stringify(expr)}`)
    writeFileSync(join(folder, 'queries.yml'), `groups:\n  - name: queries\n    rules:\n${lines.join('\n')}\n`)
    expect(await run(['check', 'rules', 'queries.yml'])).toEqual([0, ''])
  })

  it('fire for their condition, once, and not before', async () => {
    const series = (name: string, values: string): string => `      - series: '${name}'\n        values: '${values}'`
    const alert = (name: string, at: string, labels: string | undefined): string =>
      `      - eval_time: ${at}\n        alertname: ${name}\n        exp_alerts: [${labels === undefined ? '' : `{ exp_labels: ${labels} }`}]`
    const recorded = (name: string, value: number): string[] => [
      `      - expr: round(${name}, 0.001)`,
      '        eval_time: 15m',
      `        exp_samples: [{ labels: '{cache="shop"}', value: ${Math.round(value * 1000) / 1000} }]`,
    ]
    const test = [
      'rule_files: [rules.yml]',
      'evaluation_interval: 30s',
      'tests:',
      '  - interval: 30s',
      '    input_series:',
      series('millpond_hits_total{cache="shop",tier="memory"}', '0+60x40'),
      series('millpond_miss_causes_total{cache="shop",cause="cold"}', '0+40x40'),
      series('millpond_hits_total{cache="quiet",tier="memory"}', '0+1x40'),
      series('millpond_miss_causes_total{cache="quiet",cause="cold"}', '0+9x40'),
      series('millpond_breaker_state{cache="shop",tier="redis",state="open"}', '0x10 1x30'),
      series('millpond_ledger_up{cache="shop",cache_ns="default"}', '1x40'),
      series('millpond_operation_duration_seconds_sum{cache="shop",op="get"}', '0+3x40'),
      series('millpond_operation_duration_seconds_count{cache="shop",op="get"}', '0+100x40'),
      '    promql_expr_test:',
      ...recorded('cache:millpond_reads:rate5m{cache="shop"}', 100 / 30),
      ...recorded('cache:millpond_hit_ratio:rate5m{cache="shop"}', 0.6),
      ...recorded('cache:millpond_get_seconds:mean1h{cache="shop"}', 0.03),
      '    alert_rule_test:',
      alert('MillpondHitRatioHigh', '15m', '{ severity: high, cache: shop }'),
      alert('MillpondHitRatioCritical', '15m', undefined),
      alert('MillpondHitRatioMedium', '15m', undefined),
      alert('MillpondTierDownHigh', '4m', undefined),
      alert('MillpondTierDownHigh', '7m', '{ severity: high, cache: shop, tier: redis }'),
      alert('MillpondLedgerDownCritical', '15m', undefined),
    ]
    // Summaries are words for people: not compared here.
    const without = prometheusRules().replace(/\n {8}annotations:\n {10}summary: .*$/gm, '')
    writeFileSync(join(folder, 'rules.yml'), without)
    writeFileSync(join(folder, 'test.yml'), `${test.join('\n')}\n`)
    expect(await run(['test', 'rules', 'test.yml'])).toEqual([0, ''])
  })
})

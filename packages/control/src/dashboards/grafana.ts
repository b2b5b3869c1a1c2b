// The Grafana dashboard as JSON, reproducible for a release, so that it can be compared with the one in version
// control.
import { type Panel, rows } from './panels.ts'

const WIDTH = 12
const HEIGHT = 8
const SOURCE = { type: 'prometheus', uid: '$source' }

/**
 * A dashboard over every metric that the library and the control plane export, for Grafana 10 or later: to be imported,
 * or provisioned from a file. On import it asks for the Prometheus source and the caches to show.
 * @param version named in the description; default: none
 */
export function grafanaDashboard({
  version,
}: {
  readonly version?: string | undefined
} = {}): Readonly<Record<string, unknown>> {
  let id = 0
  let y = 0
  const panels: unknown[] = []
  for (const { title, panels: of } of rows()) {
    panels.push({ id: ++id, type: 'row', title, collapsed: false, gridPos: { h: 1, w: 24, x: 0, y }, panels: [] })
    y++
    for (const [at, panel] of of.entries()) {
      panels.push(shown(panel, ++id, { h: HEIGHT, w: WIDTH, x: (at % 2) * WIDTH, y: y + Math.floor(at / 2) * HEIGHT }))
    }
    y += Math.ceil(of.length / 2) * HEIGHT
  }
  return {
    uid: 'millpond',
    title: 'Millpond',
    description: `Caches of Millpond${version === undefined ? '' : ` ${version}`}: made by "millpond grafana".`,
    tags: ['millpond', 'cache'],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    templating: {
      list: [
        { name: 'source', label: 'Prometheus', type: 'datasource', query: 'prometheus' },
        {
          name: 'cache',
          label: 'Cache',
          type: 'query',
          datasource: SOURCE,
          query: { query: 'label_values(millpond_loads_total, cache)', refId: 'cache' },
          refresh: 2,
          multi: true,
          includeAll: true,
          allValue: '.*',
          current: { text: 'All', value: '$__all' },
        },
      ],
    },
    annotations: {
      list: [
        {
          name: 'Invalidations',
          datasource: SOURCE,
          enable: true,
          iconColor: 'orange',
          target: {
            refId: 'Anno',
            expr: 'sum by (cache, reason) (changes(millpond_invalidations_total{cache=~"$cache"}[1m])) > 0',
            interval: '60s',
          },
          // Prometheus' plug-in reads these here.
          titleFormat: 'invalidated: {{reason}}',
          textFormat: '{{cache}}',
        },
      ],
    },
    panels,
  }
}

function shown({ title, unit, queries }: Panel, id: number, gridPos: object): unknown {
  return {
    id,
    type: 'timeseries',
    title,
    datasource: SOURCE,
    gridPos,
    fieldConfig: {
      defaults: { unit, custom: { drawStyle: 'line', lineWidth: 1, fillOpacity: 8, showPoints: 'never' } },
      overrides: [],
    },
    options: {
      legend: { calcs: [], displayMode: 'list', placement: 'bottom', showLegend: true },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
    targets: queries.map(({ expr, legend }, at) => ({
      refId: String.fromCharCode(65 + at),
      datasource: SOURCE,
      expr,
      legendFormat: legend,
    })),
  }
}

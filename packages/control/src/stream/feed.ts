// What is published on the stream: metrics while there are listeners, alerts and operations as they come.
import type { Control } from '../control.ts'
import type { Point } from '../metrics/collector.ts'
import { seriesOf } from '../metrics/series.ts'
import { summaryOf } from '../metrics/summary.ts'

/** Follows alerts, operations and experiments; returns a function that stops it. */
export function feed({ hub, alerts, operations, experiments }: Control): () => void {
  const stops = [
    alerts.onChange((alert) => hub.tell('alerts', 'alert', [alert.cache_name], alert)),
    experiments.onChange((view) => hub.tell('operations', 'experiment', [view.cache_name], { ...view, course: [] })),
    // The result of an erasure names its subject.
    operations.onStep((view) =>
      hub.tell('operations', 'op', view.caches, {
        ...view,
        plan: null,
        ...(view.kind === 'erase' && { result: null }),
      }),
    ),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

/** After each look; nothing is computed without listeners. */
export async function tellFigures(control: Control, points: ReadonlyMap<string, Point>): Promise<void> {
  const { hub } = control
  const [wantsSummary, wantsSeries] = [hub.hears('summary'), hub.hears('series')]
  for (const [cache, point] of points) {
    if (wantsSeries) {
      const series = seriesOf([point]).map(({ name, labels, v: [value = null] }) => ({ name, labels, v: value }))
      hub.tell('series', 'tick', [cache], { cache_name: cache, t: point.at / 1000, series })
    }
    if (wantsSummary) hub.tell('summary', 'summary', [cache], await summaryOf(control, cache))
  }
}

// Now: is it us, which tier, since when, what changed, what to do.
import { useAlerts, useCacheName, useColumns, useSummaries } from '../../api/queries.ts'
import { useAccess } from '../../context.tsx'
import { Answer } from '../../parts/answer.tsx'
import { State } from '../../parts/section.tsx'
import { useServerNow } from '../../parts/words.tsx'
import { NotInstalled } from '../../shell/missing.tsx'
import { useRange } from '../../shell/range.ts'
import { useChanges } from './changes.ts'
import { Charts } from './charts.tsx'
import { TierFlow } from './flow.tsx'
import { Namespaces } from './namespaces.tsx'
import { AlertList, WhatChanged, WhatHelps } from './parts.tsx'
import { Regions } from './regions.tsx'
import { HealthScore } from './score.tsx'
import { Verdict } from './verdict.tsx'

export function Now() {
  const { offers } = useAccess()
  if (!offers('GET', 'metrics/summary/'))
    return (
      <NotInstalled title="This server has no cache figures" route="GET metrics/summary/">
        <p>Whether the cache is the problem, which tier, since when, what changed, and what to do.</p>
      </NotInstalled>
    )
  return <NowOfCaches />
}

function NowOfCaches() {
  const summaries = useSummaries()
  const cache = useCacheName()
  const changes = useChanges(cache)
  const alerts = useAlerts('firing')
  // The charts query them too: queried here, they arrive with the metrics.
  const series = useColumns(cache).data?.series
  const course = series?.find(({ name }) => name === 'health_score')?.v
  const range = useRange()
  const now = useServerNow(5000)
  return (
    <Answer query={summaries} what="The figures">
      {({ caches }) => {
        const summary = caches.find(({ cache_name }) => cache_name === cache) ?? caches[0]
        if (summary === undefined) return <FirstRun />
        const firing = alerts.data?.data ?? []
        return (
          <div className="cols now-grid">
            <Verdict summary={summary} changes={changes} />
            <HealthScore health={summary.health} course={course} />
            {firing.length > 0 && (
              <section aria-label="Firing alerts">
                <AlertList alerts={firing.slice(0, 5)} />
              </section>
            )}
            <WhatChanged changes={changes} from={now - range.ms} />
            <TierFlow summary={summary} />
            {summary.regions.length > 0 && <Regions cache={summary.cache_name} />}
            <Charts summary={summary} changes={changes} />
            <Namespaces summary={summary} series={series} />
            <WhatHelps summary={summary} changes={changes} />
          </div>
        )
      }}
    </Answer>
  )
}

function FirstRun() {
  return (
    <State label="First run" title="Waiting for the first cache" level="h1">
      <p>
        No cache is attached to this control plane. Attach one where it is created; numbers appear with its first read.
      </p>
      <pre className="code">
        {"import { attach } from '@millpond/control'\n\nawait attach(cache, { id: 'web-1' }).join()"}
      </pre>
    </State>
  )
}

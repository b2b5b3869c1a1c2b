// Shown in place of an insight page: not installed, not switched on, or not enough data.
import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { type InsightAnswer, type NodeAnswer, type Sized, useSizing } from '../../api/insight.ts'
import { useCacheName } from '../../api/queries.ts'
import { useAccess } from '../../context.tsx'
import { Answer } from '../../parts/answer.tsx'
import { State } from '../../parts/section.tsx'
import { Name } from '../../parts/words.tsx'
import { Link } from '../../place/place.tsx'
import { NotInstalled } from '../../shell/missing.tsx'

const ON = `import { createInsight } from 'millpond/insight'

const insight = createInsight({ caches: [cache] })
createControl({ caches: [cache], insight })  // or, in another process: attach(cache, { insight })`

/** Shows the results of a watched cache; else why there are none, and what to do. */
export function Watched({
  title,
  route,
  about,
  children,
}: {
  /** "Sizing": begins the sentence that says that it is off. */
  readonly title: string
  readonly route: readonly [method: string, path: string]
  /** What the page would show. */
  readonly about: string
  readonly children: (cache: string, nodes: readonly NodeAnswer<Sized>[]) => ReactNode
}) {
  const { offers } = useAccess()
  const cache = useCacheName()
  const sizing: UseQueryResult<InsightAnswer<Sized>> = useSizing(cache)
  if (!offers(...route) || !offers('GET', 'sizing/'))
    return (
      <NotInstalled title={`${title} is not available here`} route={route.join(' ')}>
        <p>{about}</p>
      </NotInstalled>
    )
  if (cache === undefined) return <NoCache about={about} />
  return (
    <Answer query={sizing} what={title}>
      {(answer) =>
        answer.why === null ? children(cache, answer.nodes) : <Off title={title} about={about} cache={cache} />
      }
    </Answer>
  )
}

function Off({ title, about, cache }: { readonly title: string; readonly about: string; readonly cache: string }) {
  return (
    <State label="This part is not switched on" title={`${title} needs a sample of your traffic`} level="h1">
      <p>{about}</p>
      <p>
        Insight does not watch <Name>{cache}</Name> yet. Watching keeps hashes of at most 24,576 keys and no values, in
        some 15 MiB of its process; a read that is watched costs some 40 ns more, others less.
      </p>
      <pre className="code">{ON}</pre>
      <p className="note">The first figures come after 10,000 reads. Watching changes nothing.</p>
    </State>
  )
}

function NoCache({ about }: { readonly about: string }) {
  return (
    <State label="First run" title="Waiting for the first cache" level="h1">
      <p>{about} No cache is attached to this control plane yet.</p>
      <p className="row">
        <Link to="" className="btn">
          How to attach one
        </Link>
      </p>
    </State>
  )
}

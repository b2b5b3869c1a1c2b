// The CDN: invalidations on their way, purging by hand, the latest purges, static files and images, and the state of
// the edges.
import { useQuery } from '@tanstack/react-query'
import type { CdnStatus } from '../../api/cdn.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { Answer } from '../../parts/answer.tsx'
import { PageTitle, Section } from '../../parts/section.tsx'
import { useLive } from '../../shell/live.tsx'
import { NotInstalled } from '../../shell/missing.tsx'
import { Edges, Places } from './edges.tsx'
import { Folders } from './folders.tsx'
import { Outlet, Purge, Purges } from './purges.tsx'

const ABOUT = 'Purges, invalidations on their way to the edge, static files and pictures, and the state of the edges.'

const SHOWN = 10

export function Cdn() {
  const { client } = useDashboard()
  const { offers, may } = useAccess()
  const live = useLive()
  const isOffered = offers('GET', 'cdn/status/')
  const status = useQuery({
    queryKey: ['cdn'],
    queryFn: ({ signal }) => client.get<CdnStatus>('cdn/status/', {}, signal),
    refetchInterval: live.every(2000),
    enabled: isOffered,
  })
  if (!isOffered)
    return (
      <NotInstalled title="No CDN is attached" route="GET cdn/status/">
        <p>{ABOUT}</p>
      </NotInstalled>
    )
  return (
    <Answer query={status} what="The CDN">
      {(answer) => (
        <>
          <PageTitle title="CDN" say={ABOUT} />
          <div className="stack">
            {answer.outlets.map((outlet) => (
              <Outlet key={outlet.name} outlet={outlet} />
            ))}
            {may('cdn:purge') && answer.edges.length > 0 && <Purge />}
            <Section title="Purges by hand" note={`of this process, the latest ${SHOWN}`}>
              <Purges purges={answer.purges.slice(0, SHOWN)} />
            </Section>
            <Folders folders={answer.folders} />
            <Edges edges={answer.edges} />
            <Places edges={answer.edges} />
          </div>
        </>
      )}
    </Answer>
  )
}

// The most read keys, by tier, as estimates with their error.
import type { Analyzed } from '../../api/insight.ts'
import { useSummaries } from '../../api/queries.ts'
import { useDashboard } from '../../context.tsx'
import { KeyLink } from '../../parts/key-name.tsx'
import { Section } from '../../parts/section.tsx'
import { Source } from '../../parts/source.tsx'

const SHOWN = 10

export function HotKeys({ tiers, cache }: { readonly tiers: Analyzed['hot_keys']; readonly cache: string }) {
  const { numbers } = useDashboard()
  const summaries = useSummaries()
  const summary = summaries.data?.caches.find(({ cache_name }) => cache_name === cache)
  const known = new Set(summary?.namespaces.map(({ name }) => name))
  const seen = tiers.filter(({ keys }) => keys.length > 0)
  if (seen.length === 0) return null
  return (
    <Section title="Hottest keys" note="reads, estimated from one in 64; reads of 15 minutes ago count half">
      <div className="hot-keys">
        {seen.map(({ tier, keys }) => (
          <div key={tier}>
            <h3>
              <Source tier={tier} />
            </h3>
            <ol>
              {keys.slice(0, SHOWN).map(({ key, count, error }) => (
                <li key={key}>
                  <HotKey said={key} cache={cache} known={known} />
                  <span className="nw">
                    ~ {numbers.count(count)}
                    {error > 0 && <span className="note"> ± {numbers.count(error)}</span>}
                  </span>
                </li>
              ))}
            </ol>
          </div>
        ))}
      </div>
    </Section>
  )
}

/** Outside of the default namespace, a key is prefixed by its namespace. */
function HotKey({
  said,
  cache,
  known,
}: {
  readonly said: string
  readonly cache: string
  readonly known: ReadonlySet<string>
}) {
  const space = said.indexOf(' ')
  const namespace = said.slice(0, Math.max(0, space))
  if (!known.has(namespace)) return <KeyLink name={said} namespace="default" cache={cache} />
  return (
    <span>
      <span className="note">{namespace}</span>{' '}
      <KeyLink name={said.slice(space + 1)} namespace={namespace} cache={cache} />
    </span>
  )
}

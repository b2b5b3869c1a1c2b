// Why a key hits or misses: a verdict in a sentence, then tier by tier, with who invalidated it if that was requested
// here.

import type { Explanation } from '../../api/types.ts'
import { causeName } from '../../format/causes.ts'
import { capitalised } from '../../format/text.ts'
import { stopwatch } from '../../format/times.ts'
import { Section } from '../../parts/section.tsx'
import { Source } from '../../parts/source.tsx'
import { Name, Time } from '../../parts/words.tsx'
import { Link, placeOf } from '../../place/place.tsx'
import { copiesOf } from './copies.tsx'

export function Explained({
  explanation,
  className,
}: {
  readonly explanation: Explanation
  readonly className?: string
}) {
  const { by, verdict, cause, detail, note = null } = explanation
  const copies = [...copiesOf(explanation)].sort(
    (a, b) => Number(a.copy.scope !== 'process') - Number(b.copy.scope !== 'process'),
  )
  const isLoading = explanation.nodes.some(({ is_loading }) => is_loading === true)
  return (
    <Section
      title="Explain: a read now"
      note={explanation.receipt === null ? undefined : `receipt ${explanation.receipt}`}
      {...(className === undefined ? {} : { className })}
    >
      <p className="say now-say">
        <b>{verdict === 'hit' ? 'A hit.' : verdict === 'stale' ? 'A stale value, while it is reloaded.' : 'A miss.'}</b>{' '}
        {cause !== null && (
          <>
            {capitalised(causeName(cause))}
            {detail !== null && (
              <>
                : <Name>{detail}</Name>
              </>
            )}
            .{' '}
          </>
        )}
        {by !== null && (
          <>
            Asked for by <b>{by.actor}</b> at <Time at={by.at} /> with{' '}
            <Link to={placeOf('invalidate', { id: by.operation })}>{by.operation}</Link>
            {by.reason !== null && (
              <>
                , reason “<bdi>{by.reason}</bdi>”
              </>
            )}
            .
          </>
        )}
        {note !== null && (
          <>
            {' '}
            Reason given by the program: “<bdi>{note}</bdi>”.
          </>
        )}
      </p>
      <ol className="steps more">
        {copies.map(({ node, copy }) => {
          const isHit = copy.state === 'fresh'
          const isGuilty = copy.receipt !== undefined && !isHit
          return (
            <li key={`${copy.tier} ${node}`} className={isGuilty ? 'guilty' : undefined}>
              <span className={`what ${isGuilty ? 'is-critical' : ''}`}>
                <Source tier={copy.tier} {...(node === undefined ? {} : { node })} />
              </span>
              <div className="why">
                <p>
                  {isHit
                    ? 'has it, fresh'
                    : copy.state === 'stale'
                      ? 'has it, stale'
                      : copy.cause === undefined
                        ? copy.state
                        : causeName(copy.cause)}
                  {copy.detail !== undefined && `: ${copy.detail}`}
                </p>
                <p>
                  {copy.at !== undefined && <Time at={copy.at} />}
                  {copy.receipt !== undefined && ` by receipt ${copy.receipt}`}
                  {copy.age_seconds !== undefined && <> {stopwatch(copy.age_seconds * 1000)} old</>}
                </p>
              </div>
            </li>
          )
        })}
        <li>
          <span className="what">
            <Source tier="origin" />
          </span>
          <div className="why">
            <p>
              {verdict === 'hit'
                ? 'is not asked'
                : isLoading
                  ? 'is being asked now; other reads wait for that load'
                  : 'would be asked'}
            </p>
          </div>
        </li>
      </ol>
    </Section>
  )
}

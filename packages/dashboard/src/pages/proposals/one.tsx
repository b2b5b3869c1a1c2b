// One proposal: the call, the proposer's words, what it would do now, and the decision.
import { useQuery } from '@tanstack/react-query'
import type { Plan, Proposal, ProposalPreview } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { seen, seenJson } from '../../format/seen.ts'
import { Answer } from '../../parts/answer.tsx'
import { useKeysIn } from '../../parts/key-name.tsx'
import { Notice, PageTitle, Section } from '../../parts/section.tsx'
import { Time } from '../../parts/words.tsx'
import { Link, placeOf } from '../../place/place.tsx'
import { useLive } from '../../shell/live.tsx'
import { PlanFacts } from '../invalidate/plan.tsx'
import { Approve, Reject } from './decide.tsx'
import { By, StateWord } from './words.tsx'

/** Of one document on the page, in characters. */
const MOST_SHOWN = 100_000
const MOST_ROWS = 24
const NEW_LINE = '\n'

export function One({ id }: { readonly id: string }) {
  const { client, readOnly } = useDashboard()
  const live = useLive()
  const place = `proposals/${encodeURIComponent(id)}/`
  const proposal = useQuery({
    queryKey: ['proposal', id],
    queryFn: ({ signal }) => client.get<Proposal>(place, {}, signal),
    refetchInterval: live.every(2000),
  })
  return (
    <Answer query={proposal} what="The proposal">
      {(shown) => (
        <>
          <PageTitle
            crumbs={[
              <Link key="all" to={placeOf('proposals')}>
                Proposals
              </Link>,
              shown.id,
            ]}
            title={shown.summary}
            say={
              <>
                <StateWord state={shown.state} />, proposed by <b>{shown.actor}</b>{' '}
                <Time at={shown.created_at} relative />
                {shown.decided_by !== null && shown.decided_at !== null && (
                  <>
                    , decided by <b>{shown.decided_by}</b> <Time at={shown.decided_at} relative />
                  </>
                )}
                .
              </>
            }
            actions={shown.may_reject && !readOnly ? <Reject proposal={shown} /> : undefined}
          />
          <div className="stack-wide">
            <Call proposal={shown} />
            {shown.state === 'waiting' && <Effect proposal={shown} />}
            {shown.answer !== null && (
              <Section title="What came of it" note={`answered ${shown.answer.status}`}>
                <Document data={shown.answer.body} label="The answer" />
              </Section>
            )}
          </div>
        </>
      )}
    </Answer>
  )
}

function Call({ proposal }: { readonly proposal: Proposal }) {
  const search = new URLSearchParams(proposal.query).toString()
  return (
    <Section title="The call" note="as it would be sent, and nothing else">
      <div className="stack-small">
        <p>
          <code dir="ltr">
            {proposal.method} {seen(proposal.path)}
            {search !== '' && `?${seen(search)}`}
          </code>
        </p>
        {proposal.body !== null && <Document data={proposal.body} label="The body" />}
        <dl className="facts">
          <div>
            <dt>Proposed by</dt>
            <dd>
              <By proposal={proposal} />
            </dd>
          </div>
          <div>
            <dt>Reason, in the proposer's words</dt>
            <dd>
              <bdi>{seen(proposal.reason)}</bdi>
            </dd>
          </div>
          {proposal.note !== null && (
            <div>
              <dt>Note of the decision</dt>
              <dd>
                <bdi>{seen(proposal.note)}</bdi>
              </dd>
            </div>
          )}
          <div>
            <dt>Needs</dt>
            <dd>
              <code>{proposal.permission}</code>
            </dd>
          </div>
          <div>
            <dt>{proposal.state === 'waiting' ? 'Expires' : 'Would have expired'}</dt>
            <dd>
              <Time at={proposal.expires_at} />
            </dd>
          </div>
        </dl>
      </div>
    </Section>
  )
}

const KINDS = {
  plan: ['What it would do', 'the plan that is run'],
  dry_run: ['What it would do', 'a dry run'],
  before: ['What it would replace', 'as it is now'],
  none: ['What it would do', 'its body says it: the route has no plan'],
} as const

function Effect({ proposal }: { readonly proposal: Proposal }) {
  const { client, readOnly } = useDashboard()
  const { may, session } = useAccess()
  const preview = useQuery({
    queryKey: ['proposal plan', proposal.id],
    queryFn: ({ signal }) =>
      client.send<ProposalPreview>('POST', `proposals/${encodeURIComponent(proposal.id)}/plan/`, {}, { signal }),
    enabled: proposal.may_approve && !readOnly,
    // What is approved is what is shown: it changes when somebody asks for it.
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  })
  if (readOnly) return null
  if (!proposal.may_approve)
    return (
      <Section title="What it would do">
        <Notice>
          {may(proposal.permission) && proposal.actor === session.name
            ? 'You proposed it: somebody else has to approve it.'
            : `It is approved by somebody else who has ${proposal.permission}.`}
        </Notice>
      </Section>
    )
  return (
    <Answer query={preview} what="What it would do">
      {(shown) => {
        const [title, note] = KINDS[shown.kind]
        const plan = planIn(shown)
        return (
          <Section title={title} note={note}>
            <div className="stack-small">
              {shown.digest === null && (
                <Notice tone="warning">
                  <b>It cannot be approved as things are.</b> {detailOf(shown.answer)}
                </Notice>
              )}
              {plan === undefined ? (
                shown.kind !== 'none' && <Document data={shown.answer} label={title} />
              ) : (
                <>
                  <PlanFacts plan={plan} />
                  <details className="data">
                    <summary>All of the plan</summary>
                    <Document data={shown.answer} label={title} />
                  </details>
                </>
              )}
              <div className="row">
                {shown.digest !== null && <Approve preview={shown} digest={shown.digest} />}
                <button
                  type="button"
                  className="btn"
                  onClick={() => void preview.refetch()}
                  disabled={preview.isFetching}
                >
                  Look again
                </button>
              </div>
            </div>
          </Section>
        )
      }}
    </Answer>
  )
}

/** The plan of an invalidation that can be approved. */
const planIn = ({ kind, digest, answer }: ProposalPreview): Plan | undefined =>
  kind === 'plan' && digest !== null ? (answer as { readonly plan: Plan }).plan : undefined

const detailOf = (answer: unknown): string =>
  typeof answer === 'object' && answer !== null && 'detail' in answer && typeof answer.detail === 'string'
    ? seen(answer.detail)
    : ''

/** Data of others: as JSON in which nothing is hidden, not more of it than a page can bear. */
function Document({ data, label }: { readonly data: unknown; readonly label: string }) {
  const keysIn = useKeysIn()
  const { numbers } = useDashboard()
  const text = seenJson(keysIn(data))
  const shown = text.slice(0, MOST_SHOWN)
  return (
    <>
      <textarea
        className="code value"
        readOnly
        dir="ltr"
        translate="no"
        aria-label={label}
        rows={Math.min(MOST_ROWS, shown.split(NEW_LINE).length)}
        value={shown}
      />
      {text.length > MOST_SHOWN && (
        <Notice tone="warning">
          The first {numbers.count(MOST_SHOWN)} of {numbers.count(text.length)} characters. The rest is shown by{' '}
          <code>millpond proposals show</code>.
        </Notice>
      )}
    </>
  )
}

// The states of a query: a skeleton while it is late, a message when it fails, the last result with its age beside an
// error.
import type { UseQueryResult } from '@tanstack/react-query'
import { type ReactNode, useEffect, useState } from 'react'
import { ApiError } from '../api/client.ts'
import { CopyButton } from './copy.tsx'
import { Notice } from './section.tsx'
import { Time } from './words.tsx'

/** Shows the result; an error is shown beside earlier data, never instead of it. */
export function Answer<T>({
  query,
  what,
  children,
}: {
  readonly query: UseQueryResult<T>
  /** "The list of keys": begins the sentence that says what could not be loaded. */
  readonly what: string
  readonly children: (data: T) => ReactNode
}) {
  const { data, error, dataUpdatedAt, refetch, isFetching, fetchStatus } = query
  if (data === undefined && error === null) return fetchStatus === 'idle' ? <Unasked what={what} /> : <Bones />
  return (
    <>
      {error !== null && (
        <Failure
          error={error}
          what={what}
          since={data === undefined ? undefined : dataUpdatedAt}
          isTrying={isFetching}
          retry={() => void refetch()}
        />
      )}
      {data !== undefined && children(data)}
    </>
  )
}

export function Failure({
  error,
  what,
  since,
  retry,
  isTrying = false,
}: {
  readonly error: unknown
  readonly what: string
  /** When the data below was read. */
  readonly since?: number | undefined
  readonly retry?: (() => void) | undefined
  readonly isTrying?: boolean
}) {
  const problem = error instanceof ApiError ? error : undefined
  const said = error instanceof Error ? error.message : String(error)
  return (
    <div className="failure">
      <Notice
        tone="critical"
        isAlert
        more={
          <>
            <code className="said">{said}</code>
            {problem?.requestId !== undefined && (
              <>
                {' '}
                Request <code>{problem.requestId}</code>.
              </>
            )}
            {since !== undefined && (
              <>
                {' '}
                The data below is from <Time at={since} />.
              </>
            )}
          </>
        }
        actions={
          <>
            {retry !== undefined && (
              <button type="button" className="btn btn-small" onClick={retry} disabled={isTrying}>
                Try again
              </button>
            )}
            <CopyButton
              text={`${what} could not be loaded: ${said} (${problem?.code ?? 'error'}, ${problem?.requestId ?? 'no request id'})`}
            />
          </>
        }
      >
        <b>{what} could not be loaded.</b> {reason(problem)}
      </Notice>
    </div>
  )
}

function reason(problem: ApiError | undefined): string {
  if (problem === undefined) return 'The page itself failed.'
  if (problem.status === 0) return 'The server does not answer; this page recovers when it does.'
  if (problem.status === 403) return 'Your role does not allow it.'
  if (problem.status === 429)
    return `Too many requests: trying again in ${Math.ceil((problem.retryAfterMs ?? 60_000) / 1000)} s.`
  return `The server answered ${problem.status}.`
}

/** Long enough for a query that first needs the cache's name. */
const UNASKED_MS = 2000

/** The query is disabled, so no result will come: it says so, since a skeleton would promise one. */
function Unasked({ what }: { readonly what: string }) {
  const [isSure, setSure] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setSure(true), UNASKED_MS)
    return () => clearTimeout(timer)
  }, [])
  if (!isSure) return <Bones />
  return <Notice>{what}: not available. Your credential does not include this, or there is no cache yet.</Notice>
}

/** Shown only after 300 ms, so that fast results do not flicker. */
export function Bones() {
  const [isLate, setLate] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 300)
    return () => clearTimeout(timer)
  }, [])
  return (
    <div className="bones" role="status" aria-label="Loading">
      {isLate && BONES.map((width) => <i key={width} className="bone" style={{ width: `${width}%` }} />)}
    </div>
  )
}

/** Percent of the width. */
const BONES = [62, 48, 55, 40]

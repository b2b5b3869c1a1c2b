// Actions on a region, each with a confirmation: drain, fill, serve.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ApiError } from '../../api/client.ts'
import type { Region, RegionDrained } from '../../api/regions.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { Failure } from '../../parts/answer.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Notice } from '../../parts/section.tsx'

type Act = 'drain' | 'fill' | 'serve'

const VERBS: Readonly<Record<Act, string>> = { drain: 'Drain', fill: 'Fill', serve: 'Let serve' }

/** The longest that a drain waits for the other regions. */
const WAIT_SECONDS = 10

export function RegionActs({ region, all }: { readonly region: Region; readonly all: readonly Region[] }) {
  const { readOnly } = useDashboard()
  const { may, offers } = useAccess()
  const [open, setOpen] = useState<Act | undefined>()
  if (readOnly || !may('config:write')) return null
  const acts: readonly Act[] = region.state === 'serving' ? ['drain', 'fill'] : ['fill', 'serve']
  return (
    <span className="row">
      {acts
        .filter((act) => offers('POST', `regions/{name}/${act}/`) && (act !== 'fill' || region.nodes.length > 0))
        .map((act) => (
          <button key={act} type="button" className="btn btn-small" onClick={() => setOpen(act)}>
            {VERBS[act]}…<span className="sr"> {region.region}</span>
          </button>
        ))}
      {open !== undefined && <Sure act={open} region={region} all={all} onClose={() => setOpen(undefined)} />}
    </span>
  )
}

function Sure({
  act,
  region: { cache_name, region, is_origin },
  all,
  onClose,
}: {
  readonly act: Act
  readonly region: Region
  readonly all: readonly Region[]
  readonly onClose: () => void
}) {
  const { client } = useDashboard()
  const queries = useQueryClient()
  const others = all.filter((one) => one.region !== region)
  const [from, setFrom] = useState(() => (others.find((one) => one.is_origin) ?? others[0])?.region ?? '')
  const carryOut = useMutation({
    mutationFn: (force: boolean) => {
      const more = {
        ...(act === 'drain' && { wait_seconds: WAIT_SECONDS }),
        ...(act === 'fill' && { from }),
        ...(force && { force }),
      }
      return client.send<Partial<RegionDrained>>('POST', `regions/${encodeURIComponent(region)}/${act}/`, {
        cache_name,
        ...more,
      })
    },
    onSuccess: (done) => {
      if (act !== 'drain' || done.is_safe === true) onClose()
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['regions'] }),
  })
  const behind = carryOut.data?.behind ?? []
  const isLast = carryOut.error instanceof ApiError && carryOut.error.code === 'last_region'
  return (
    <Dialog title={`${VERBS[act]} ${region}?`} onClose={onClose}>
      <p>{consequence(act, is_origin)}</p>
      {act === 'fill' && (
        <label className="field">
          <span>From</span>
          <select className="input" value={from} onChange={(event) => setFrom(event.target.value)}>
            {others.map((one) => (
              <option key={one.region}>{one.region}</option>
            ))}
          </select>
        </label>
      )}
      {isLast && (
        <Notice tone="warning" isAlert>
          {region} is the last serving region and keeps serving: let {others.map((one) => one.region).join(' or ')}{' '}
          serve first. If it is {act === 'drain' ? 'drained' : 'filled'} anyway, whatever is not in memory is loaded
          {act === 'fill' && ' until that is done'}.
        </Notice>
      )}
      {carryOut.error !== null && !isLast && (
        <Failure error={carryOut.error} what={`This (${VERBS[act].toLowerCase()} ${region})`} />
      )}
      {behind.length > 0 && (
        <Notice tone="warning" isAlert>
          {region} is drained but not yet safe to stop: {behind.join(', ')} behind. Drain it again to check.
        </Notice>
      )}
      <div className="row">
        <button type="button" className="btn" onClick={onClose}>
          {behind.length > 0 ? 'Close' : 'Leave it'}
        </button>
        <button
          type="button"
          className={`btn ${isLast ? 'btn-danger' : 'btn-primary'}`}
          onClick={() => carryOut.mutate(isLast)}
          disabled={carryOut.isPending}
        >
          {`${VERBS[act]} ${region}${isLast ? ' anyway' : ''}`}
        </button>
      </div>
    </Dialog>
  )
}

function consequence(act: Act, isOrigin: boolean): string {
  if (act === 'serve')
    return 'Its stores are read and written at once, with what they have: nothing in them is older than its ledger allows.'
  if (act === 'fill')
    return 'It is not read until the entries of the other region have been copied to it; entries loaded meanwhile are kept. Then it serves.'
  const misses = isOrigin ? 'load whatever is not in memory, and the others do not use it' : 'ask the origin, then load'
  return `Its stores are neither read nor written: its processes ${misses}. Invalidations continue. The last serving region cannot be drained.`
}

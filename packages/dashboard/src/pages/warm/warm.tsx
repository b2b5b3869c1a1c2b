// Warming: keys loaded in advance, at a given pace; stored plans, and their runs.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useCacheName } from '../../api/queries.ts'
import type { Operation, Page, WarmingPlan } from '../../api/types.ts'
import { useAccess, useDashboard } from '../../context.tsx'
import { lineOf, linesOf } from '../../format/lines.ts'
import { Answer, Failure } from '../../parts/answer.tsx'
import { Lines } from '../../parts/lines.tsx'
import { Notice, PageTitle, Section } from '../../parts/section.tsx'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/words.tsx'
import { usePlace } from '../../place/place.tsx'
import { useLive } from '../../shell/live.tsx'
import { NotInstalled } from '../../shell/missing.tsx'
import { Remove } from '../access/remove.tsx'
import { Runs } from './runs.tsx'

export function Warm() {
  const { offers, may } = useAccess()
  const { query } = usePlace()
  if (!offers('POST', 'warming/warm_keys/'))
    return (
      <NotInstalled title="Nothing can be warmed from here" route="POST warming/warm_keys/">
        <p>Load keys before they are requested, at a pace the source can handle.</p>
      </NotInstalled>
    )
  return (
    <>
      <PageTitle
        title="Warm"
        say="Loads keys with registered loaders before they are requested, at a pace the source can handle."
      />
      <div className="stack-wide">
        {may('warm') && <WarmKeys key={query.toString()} />}
        <Plans />
        <Runs />
      </div>
    </>
  )
}

function WarmKeys() {
  const { client, numbers } = useDashboard()
  const { query } = usePlace()
  const queries = useQueryClient()
  const cache = useCacheName()
  const given = lineOfGiven(query.get('key'))
  const [keys, setKeys] = useState(given)
  const [namespace, setNamespace] = useState(query.get('ns') ?? '')
  const [rate, setRate] = useState('200')
  const [name, setName] = useState('')
  const [every, setEvery] = useState('')
  const lines = linesOf(keys)
  const body = {
    keys: lines,
    ...(cache === undefined ? {} : { cache_name: cache }),
    ...(namespace.trim() === '' ? {} : { namespace: namespace.trim() }),
    ...(Number(rate) > 0 ? { rate_per_second: Number(rate) } : {}),
    ...(name.trim() === '' ? {} : { name: name.trim() }),
  }
  const settle = () =>
    queries
      .invalidateQueries({ queryKey: ['warming'] })
      .then(() => queries.invalidateQueries({ queryKey: ['operations'] }))
  const warm = useMutation({
    mutationFn: () => client.send<Operation>('POST', 'warming/warm_keys/', body),
    onSuccess: settle,
  })
  const plan = every.trim() === '' ? body : { ...body, schedule: { every: every.trim() } }
  const keep = useMutation({ mutationFn: () => client.send('POST', 'warming/', plan), onSuccess: settle })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    warm.mutate()
  }
  const seconds = Number(rate) > 0 ? lines.length / Number(rate) : undefined
  return (
    <Section
      title="Keys"
      note={
        lines.length === 0
          ? 'up to 10,000'
          : `${numbers.counted(lines.length, 'key')}${seconds === undefined ? '' : `, at least ${numbers.short(seconds)} s`}`
      }
    >
      <form className="compose" onSubmit={submit}>
        <Lines label="Keys, one per line" text={keys} given={given} isOfKeys rows={5} onText={setKeys} />
        <div className="c-6 stack-small">
          <label className="field">
            <span>Namespace</span>
            <input
              className="input"
              placeholder="all of the cache"
              value={namespace}
              onChange={(event) => setNamespace(event.target.value)}
              spellCheck={false}
            />
          </label>
          <div className="pair">
            <label className="field">
              <span>At most, loads/s</span>
              <input
                className="input"
                inputMode="numeric"
                value={rate}
                onChange={(event) => setRate(event.target.value)}
              />
            </label>
            <label className="field">
              <span>Name, to store it as a plan</span>
              <input className="input" value={name} onChange={(event) => setName(event.target.value)} />
            </label>
            <label className="field">
              <span>The plan runs automatically every</span>
              <input
                className="input"
                placeholder="4h; empty: on request"
                value={every}
                onChange={(event) => setEvery(event.target.value)}
                spellCheck={false}
              />
            </label>
          </div>
        </div>
        <p className="row">
          <button type="submit" className="btn btn-primary" disabled={warm.isPending || lines.length === 0}>
            {warm.isPending ? 'Warming…' : lines.length === 0 ? 'Warm' : `Warm ${numbers.counted(lines.length, 'key')}`}
          </button>
          <button
            type="button"
            className="btn"
            disabled={keep.isPending || lines.length === 0 || name.trim() === ''}
            onClick={() => keep.mutate()}
          >
            Store as a plan
          </button>
        </p>
      </form>
      {warm.error !== null && <Failure error={warm.error} what="The warm-up" />}
      {keep.error !== null && <Failure error={keep.error} what="The plan" />}
      {warm.data !== undefined && (
        <Notice tone={warm.data.state === 'completed' ? 'proven' : 'warning'}>
          <RunWords operation={warm.data} />
        </Notice>
      )}
    </Section>
  )
}

const lineOfGiven = (key: string | null): string => (key === null ? '' : lineOf(key))

function RunWords({ operation }: { readonly operation: Operation }) {
  const { numbers } = useDashboard()
  const { result } = operation
  if (result?.loaded === undefined) return <>It runs: {operation.state}.</>
  return (
    <>
      <b>{numbers.count(result.loaded)} loaded</b>, {numbers.counted(result.fresh ?? 0, 'was', 'were')} fresh
      {(result.failed ?? 0) > 0 && `, ${numbers.count(result.failed ?? 0)} failed`}
      {(result.without_source ?? 0) > 0 && `, ${numbers.count(result.without_source ?? 0)} without a registered loader`}
      .{result.errors?.[0] !== undefined && ` ${result.errors[0]}`}
    </>
  )
}

/** `every 4h`, `0 3 * * * Europe/Berlin, 22:00 to 06:00`. */
function timesOf({ schedule }: WarmingPlan): string {
  if (schedule === undefined) return 'when asked'
  const { every, cron, timezone, windows = [] } = schedule
  const when = [every === undefined ? cron : `every ${every}`, timezone].filter((part) => part !== undefined).join(' ')
  const within = windows.map(({ from, to, days = [] }) => [`${from} to ${to}`, ...days].join(' '))
  return [when, ...within].join(', ')
}

function Plans() {
  const { client, numbers } = useDashboard()
  const { may } = useAccess()
  const queries = useQueryClient()
  const live = useLive()
  const plans = useQuery({
    queryKey: ['warming'],
    queryFn: ({ signal }) => client.get<Page<WarmingPlan>>('warming/', { limit: 100 }, signal),
    refetchInterval: live.every(15_000),
  })
  const execute = useMutation({
    mutationFn: (id: string) => client.send<Operation>('POST', `warming/${id}/execute/`, {}),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['operations'] }),
  })
  return (
    <Section title="Plans" note="kept, to be run again">
      {execute.error !== null && <Failure error={execute.error} what="The run" />}
      <Answer query={plans} what="The list of plans">
        {({ data }) =>
          data.length === 0 ? (
            <p>No plan is stored. Give one a name above to store it.</p>
          ) : (
            <Table
              caption="Warming plans"
              rows={data}
              keyOf={({ id }) => id}
              columns={[
                { name: 'Name', cell: (row) => row.name },
                {
                  name: 'Cache',
                  cell: (row) => [row.cache_name, row.namespace].filter(Boolean).join(', ') || 'the only one',
                },
                { name: 'Keys', isNumber: true, cell: (row) => numbers.count(row.keys.length) },
                {
                  name: 'Pace',
                  isNumber: true,
                  cell: (row) =>
                    row.rate_per_second === undefined
                      ? 'as fast as loads allow'
                      : `${numbers.count(row.rate_per_second)}/s`,
                },
                { name: 'Runs', cell: (row) => timesOf(row) },
                {
                  name: 'Next',
                  cell: (row) => (row.next_run_at == null ? '' : <Time at={row.next_run_at} relative />),
                },
                {
                  name: 'Last scheduled run',
                  folded: 'wide',
                  cell: (row) => (row.last_run_at == null ? '' : <Time at={row.last_run_at} relative />),
                },
                { name: 'Changed', folded: 'skip', cell: (row) => <Time at={row.updated_at} relative /> },
                {
                  name: 'Run',
                  isSilent: true,
                  isNumber: true,
                  folded: 'wide',
                  cell: (row) =>
                    may('warm') && (
                      <span className="row row-end">
                        <button
                          type="button"
                          className="btn btn-small"
                          onClick={() => execute.mutate(row.id)}
                          disabled={execute.isPending}
                        >
                          Run<span className="sr"> {row.name}</span>
                        </button>
                        <Remove
                          path={`warming/${row.id}/`}
                          queryKey="warming"
                          verb="Delete"
                          what={`the plan ${row.name}`}
                          then="What it loaded is kept."
                        />
                      </span>
                    ),
                },
              ]}
            />
          )
        }
      </Answer>
    </Section>
  )
}

// Starts an experiment: what is tried, on which share of the keys, with a preview.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import type { ArmPlan } from '../../api/experiments.ts'
import { useDashboard } from '../../context.tsx'
import { Failure } from '../../parts/answer.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Notice } from '../../parts/section.tsx'
import { policyName } from '../insight/figures.ts'

const KINDS = {
  ttl: { name: 'A time to live', unit: 'seconds', usual: '600' },
  refresh: { name: 'Refresh-ahead', unit: 'share of its time, such as 0.8', usual: '0.8' },
  policy: { name: 'An eviction policy', unit: '', usual: 'w-tinylfu' },
  size: { name: 'A memory size', unit: 'times the current size', usual: '2' },
} as const
type Kind = keyof typeof KINDS
const POLICIES = ['lru', 'sieve', 's3-fifo', 'w-tinylfu', 'adaptive']
const isKind = (value: string): value is Kind => value in KINDS

/** The two arms: the current settings, and the tried ones. */
function armsOf(kind: Kind, value: string, share: number): readonly [ArmPlan, ArmPlan] {
  const number = Number(value)
  if (kind === 'ttl') return [{ name: 'as it is' }, { name: `${value} s`, ttl_seconds: number, share }]
  if (kind === 'refresh') return [{ name: 'as it is' }, { name: `ahead at ${value}`, refresh_ahead: number, share }]
  if (kind === 'policy')
    return [
      { name: 'as it is', memory: {} },
      { name: policyName(value), memory: { policy: value } },
    ]
  return [
    { name: 'as it is', memory: {} },
    { name: `${value} times`, memory: { factor: number } },
  ]
}

export function Begin({ cache, onClose }: { readonly cache: string; readonly onClose: () => void }) {
  const { client } = useDashboard()
  const queries = useQueryClient()
  const [kind, setKind] = useState<Kind>('ttl')
  const [value, setValue] = useState<string>(KINDS.ttl.usual)
  const [share, setShare] = useState('10')
  const [namespace, setNamespace] = useState('')
  const [pattern, setPattern] = useState('')
  const [reason, setReason] = useState('')
  const isShadow = kind === 'policy' || kind === 'size'
  const begin = useMutation({
    mutationFn: () => {
      const arms = armsOf(kind, value, Number(share) / 100)
      return client.send('POST', 'experiments/', {
        cache_name: cache,
        name: `${KINDS[kind].name.toLowerCase()}: ${arms[1].name}`,
        arms,
        ...(namespace !== '' && !isShadow && { namespace }),
        ...(pattern !== '' && !isShadow && { select: { keys: pattern } }),
        ...(reason !== '' && { reason }),
      })
    },
    onSuccess: async () => {
      onClose()
      await queries.invalidateQueries()
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    begin.mutate()
  }
  return (
    <Dialog title="Try something" onClose={onClose}>
      <form className="stack-small" onSubmit={submit}>
        <label className="field">
          <span>What to try</span>
          <select
            className="input"
            value={kind}
            onChange={({ target }) => {
              if (!isKind(target.value)) return
              setKind(target.value)
              setValue(KINDS[target.value].usual)
            }}
          >
            {Object.entries(KINDS).map(([id, { name }]) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
        {kind === 'policy' ? (
          <label className="field">
            <span>Policy</span>
            <select className="input" value={value} onChange={({ target }) => setValue(target.value)}>
              {POLICIES.map((name) => (
                <option key={name} value={name}>
                  {policyName(name)}
                </option>
              ))}
            </select>
          </label>
        ) : (
          <label className="field">
            <span>Value, {KINDS[kind].unit}</span>
            <input
              className="input"
              inputMode="decimal"
              required
              value={value}
              onChange={({ target }) => setValue(target.value)}
            />
          </label>
        )}
        {!isShadow && (
          <>
            <label className="field">
              <span>Share of the keys, %</span>
              <input
                className="input"
                inputMode="decimal"
                required
                value={share}
                onChange={({ target }) => setShare(target.value)}
              />
            </label>
            <label className="field">
              <span>Namespace; empty: the whole cache</span>
              <input
                className="input"
                value={namespace}
                maxLength={128}
                onChange={({ target }) => setNamespace(target.value)}
              />
            </label>
            <label className="field">
              <span>Only keys like, such as user:*; empty: all of them</span>
              <input
                className="input"
                value={pattern}
                maxLength={512}
                onChange={({ target }) => setPattern(target.value)}
              />
            </label>
          </>
        )}
        <label className="field">
          <span>Reason, recorded in the audit log</span>
          <input className="input" value={reason} maxLength={500} onChange={({ target }) => setReason(target.value)} />
        </label>
        <Notice>
          {isShadow
            ? 'Tried in small shadow caches without values: nothing changes for your users.'
            : 'For five minutes all keys are measured alike. Then the arm gets its setting, and once older entries have expired, the arms are compared. The experiment stops by itself if it does harm.'}
        </Notice>
        {begin.error !== null && <Failure error={begin.error} what="The experiment" />}
        <div className="row row-end">
          <button type="button" className="btn" onClick={onClose}>
            Leave it
          </button>
          <button type="submit" className="btn btn-primary" disabled={begin.isPending}>
            {begin.isPending ? 'Beginning…' : 'Begin'}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

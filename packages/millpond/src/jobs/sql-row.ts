// A row of a job table in SQL, read without trusting its types: drivers return big integers as numbers, strings or
// bigints.
import type { Job, JobState } from '../core/jobs.ts'

export const JOB_COLUMNS = 'id, kind, payload, state, due_at, created_at, attempts, ready_at, error'

export function jobOf(row: unknown): Job {
  const value = (name: string): unknown =>
    typeof row === 'object' && row !== null ? Reflect.get(row, name) : undefined
  const error = value('error')
  return {
    id: String(value('id')),
    kind: String(value('kind')),
    payload: String(value('payload')),
    state: stateOf(value('state')),
    dueAt: Number(value('due_at')),
    createdAt: Number(value('created_at')),
    attempts: Number(value('attempts')),
    readyAt: Number(value('ready_at')),
    ...(typeof error === 'string' ? { error } : {}),
  }
}

export function stateOf(value: unknown): JobState {
  return value === 'running' || value === 'done' || value === 'failed' ? value : 'waiting'
}

// The jobs of a cache as the control plane shows them: the repeated ones with their last runs over all processes, and
// what this process has run.
import type { Cache } from 'millpond'
import type { Answered } from './answers.ts'

const MOST_RUNS = 10

/** Accessing `cache.jobs` starts the runner: a process without jobs is left alone. */
const hasJobs = (cache: Cache): boolean => {
  const { jobs, warmingSchedule } = cache.info()
  return jobs.length > 0 || warmingSchedule.length > 0
}

export async function jobsOf(cache: Cache): Promise<Answered['jobs']> {
  if (!hasJobs(cache)) return { repeated: [], counted: [] }
  const repeated = await cache.jobs.repeating()
  return {
    repeated: repeated.map(({ name, state, dueAt, runs, error }) => ({
      name,
      state: state ?? 'unknown',
      due_at: timeOf(dueAt),
      error: error ?? null,
      runs: runs.slice(0, MOST_RUNS).map((run) => ({
        due_at: timeOf(run.dueAt),
        ms: run.ms,
        late_ms: run.lateMs,
        attempts: run.attempts,
        error: run.error ?? null,
      })),
    })),
    counted: cache.info().jobs.map((figures) => ({ ...figures })),
  }
}

export const triggerJob = async (cache: Cache, name: string): Promise<Answered['job_run']> => ({
  is_triggered: hasJobs(cache) && (await cache.jobs.trigger(name)),
})

const timeOf = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString())

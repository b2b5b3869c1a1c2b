// Jobs: a leased table, stores for it, and the runner.

export type {
  Claimed,
  Job,
  JobDay,
  JobDue,
  JobState,
  JobStore,
  JobWindow,
  ListedState,
  ListOptions,
  NewJob,
} from '../core/jobs.ts'
export type { QueueOptions, RetentionOptions, ServerOptions } from './checks.ts'
export { createJobs, Jobs } from './jobs.ts'
export { type MemoryJobsOptions, memoryJobs } from './memory.ts'
export { MAX_PAYLOAD, type WhenOptions } from './new-job.ts'
export type { JobsOptions } from './options.ts'
export { type PostgresJobsOptions, type PostgresJobsPool, postgresJobs, postgresJobsSchema } from './postgres.ts'
export { type RedisJobsClient, type RedisJobsOptions, redisJobs } from './redis.ts'
export type { RepeatedJob, RepeatedRun, RepeatHandler, RepeatOptions } from './repeat.ts'
export type { JobContext, JobHandler } from './run-job.ts'
export { type SqliteJobsDatabase, type SqliteJobsOptions, sqliteJobs } from './sqlite.ts'
export type { JobEvent, JobFigures } from './tally.ts'
export { type Timetable, type TimetableOptions, timetable } from './timetable.ts'

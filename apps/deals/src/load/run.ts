// A whole run: the same sessions with the cache and without it, then the check of every answer.
import { randomBytes } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fill } from '../data/fill.ts'
import { generate } from '../data/generate.ts'
import { sourceName, sqliteFile } from '../data/prepare.ts'
import { openDatabase } from '../db/database.ts'
import { createTokens, type Tokens } from '../http/tokens.ts'
import { findStale, groupAnswers } from './check.ts'
import { createClient } from './client.ts'
import { type Course, drive } from './drive.ts'
import type { LoadOptions } from './options.ts'
import { type Company, readCompanies } from './people.ts'
import { makePlan, type Session } from './plan.ts'
import { replay } from './replay.ts'
import { type Live, startServiceProcess } from './service-process.ts'
import { sourceOf } from './source-of.ts'

export interface Measured {
  readonly course: Course
  /** What the service counted during the run. */
  readonly queries: number
  readonly cpuMs: number
  /** Share of answers by where they came from: a tier, `computed`. */
  readonly byTier: Readonly<Record<string, number>>
  readonly warming: { readonly warmed: number; readonly failed: number }
  /** Of reads of the cache itself, within the service. */
  readonly getP95Ms: number
}

export interface Outcome {
  readonly sessions: number
  readonly cached: Measured
  readonly uncached: Measured
  readonly compared: number
  readonly violations: readonly string[]
}

export type Say = (line: string) => void

export async function runLoad(options: LoadOptions, say: Say): Promise<Outcome> {
  const root = mkdtempSync(join(tmpdir(), 'deals-load-'))
  const secret = randomBytes(32).toString('hex')
  const tokens = createTokens(secret)
  const measure = (name: string, args: readonly string[], sessions: readonly Session[], env: Record<string, string> = {}) =>
    measured(root, name, options, { args, env: { ...env, DEALS_TOKEN_SECRET: secret } }, tokens, sessions, say)
  try {
    say(`data: ${sourceName(options.sizes)}`)
    const companies = await makeData(root, options)
    const sessions = makePlan({ companies, ...options })
    const requests = sessions.reduce((sum, session) => sum + session.steps.length, 0)
    say(`plan: ${sessions.length} sessions, ${requests} requests over ${options.seconds} s, seed ${options.seed}`)
    const cached = await measure(
      'with',
      ['--cache', 'on'],
      sessions,
      options.plant === undefined ? {} : { DEALS_PLANTED_FAULT: options.plant },
    )
    const uncached = await measure('without', ['--cache', 'off'], sessions)
    say('checking every answer against the database, write by write')
    const { compared, differences } = await verify(root, options, secret, tokens, cached.course)
    const failures = [...cached.course.failures, ...uncached.course.failures].map((failure) => `failed: ${failure}`)
    return { sessions: sessions.length, cached, uncached, compared, violations: [...failures, ...findStale(cached.course), ...differences] }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

/** Fills one database; every service of the run works on a copy. */
async function makeData(root: string, { sizes }: LoadOptions): Promise<Company[]> {
  const folder = join(root, 'data')
  mkdirSync(folder)
  const db = await openDatabase({ engine: 'sqlite', path: join(folder, sqliteFile(sourceName(sizes))) })
  try {
    await fill(db, { source: sourceName(sizes), produce: (add) => generate(sizes, add) })
    return await readCompanies(db)
  } finally {
    await db.close()
  }
}

interface Start {
  readonly args: readonly string[]
  readonly env: Record<string, string>
}

async function measured(
  root: string,
  name: string,
  { sizes, isCold }: LoadOptions,
  start: Start,
  tokens: Tokens,
  sessions: readonly Session[],
  say: Say,
): Promise<Measured> {
  const folder = join(root, name)
  cpSync(join(root, 'data'), folder, { recursive: true })
  const isWarmed = !isCold && !start.args.includes('off')
  const service = await startServiceProcess({ folder, sizes, ...start, env: { ...start.env, CACHE_WARMING_ENABLED: String(isWarmed) } })
  const client = createClient(service.url)
  try {
    if (isWarmed) {
      say(`${name} the cache: warming`)
      await service.said('warming: ')
    }
    say(`${name} the cache: running`)
    const before = await service.live()
    const course = await drive(client, tokens, sessions)
    const after = await service.live()
    for (const error of new Set(service.errors())) say(`${name} the cache: ${error}`)
    return {
      course,
      queries: after.database_queries - before.database_queries,
      cpuMs: after.cpu_ms - before.cpu_ms,
      byTier: tiersOf(course, after),
      warming: { warmed: after.warming.answers, failed: after.warming.failed },
      getP95Ms: after.cache?.get_p95_ms ?? 0,
    }
  } finally {
    client.close()
    await service.stop()
  }
}

async function verify(root: string, { sizes }: LoadOptions, secret: string, tokens: Tokens, course: Course) {
  const folder = join(root, 'reference')
  cpSync(join(root, 'data'), folder, { recursive: true })
  const service = await startServiceProcess({ folder, sizes, args: ['--cache', 'off'], env: { DEALS_TOKEN_SECRET: secret } })
  const client = createClient(service.url)
  try {
    return await replay(client, tokens, course.writes, groupAnswers(course))
  } finally {
    client.close()
    await service.stop()
  }
}

function tiersOf({ answers }: Course, { cache }: Live): Record<string, number> {
  const counts = new Map<string, number>((cache?.tiers ?? []).map((tier) => [tier, 0]))
  for (const answer of answers) counts.set(sourceOf(answer), (counts.get(sourceOf(answer)) ?? 0) + 1)
  return Object.fromEntries([...counts].map(([from, count]) => [from, answers.length === 0 ? 0 : count / answers.length]))
}

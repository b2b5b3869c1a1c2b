// Plays the sessions of a plan against a service and records every answer.
import { createHash } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { isError } from 'millpond/options'
import type { Tokens } from '../http/tokens.ts'
import type { Client, Reply } from './client.ts'
import type { Session, Step } from './plan.ts'

export type Versions = ReadonlyMap<string, number>

interface Noted {
  readonly step: Step
  readonly status: number
  readonly versions: Versions
  readonly startedAt: number
  readonly endedAt: number
}

export interface Answer extends Noted {
  /** Of the body. */
  readonly hash: string
  readonly cacheStatus: string
}

export interface Write extends Noted {
  /** Its place in the order of all writes; 0 when it was refused. */
  readonly position: number
}

export interface Course {
  readonly answers: readonly Answer[]
  readonly writes: readonly Write[]
  /** Neither an answer nor a refusal that a client would expect. */
  readonly failures: readonly string[]
}

/** @param signal stops it: answers received until then are recorded */
export async function drive(
  client: Client,
  tokens: Tokens,
  sessions: readonly Session[],
  signal: AbortSignal,
): Promise<Course> {
  const answers: Answer[] = []
  const writes: Write[] = []
  const failures: string[] = []
  const begin = performance.now()
  setMaxListeners(0, signal) // each thinking session adds a listener
  const note = (step: Step, reply: Reply) => {
    const { status, startedAt, endedAt, cacheStatus, body } = reply
    const versions = readVersions(reply.dataVersion)
    if (status >= 400)
      failures.push(`${step.method} ${step.path} as user ${step.as.userId}: ${status} ${body.slice(0, 200)}`)
    else if (step.method === 'GET')
      answers.push({ step, status, versions, startedAt, endedAt, cacheStatus, hash: hashOf(body) })
    else writes.push({ step, status, versions, startedAt, endedAt, position: positionOf(body) })
  }
  const pause = (ms: number) => sleep(ms, undefined, { signal }).catch(() => undefined)
  const play = async ({ startMs, steps }: Session) => {
    await pause(Math.max(0, begin + startMs - performance.now()))
    for (const step of steps) {
      if (step.thinkMs > 0) await pause(step.thinkMs)
      if (signal.aborted) return
      try {
        note(step, await client.ask(step.method, step.path, tokens.issue(step.as), step.body))
      } catch (error) {
        failures.push(`${step.method} ${step.path}: ${isError(error) ? error.message : String(error)}`)
      }
    }
  }
  await Promise.all(sessions.map(play))
  return { answers, writes, failures }
}

export function hashOf(body: string): string {
  return createHash('sha256').update(body).digest('base64url').slice(0, 22)
}

/** Reads `"org:7:deals";v=12, "user:9";v=3`. */
export function readVersions(text: string): Versions {
  return new Map([...text.matchAll(/"([^"]+)";v=(\d+)/g)].map(([, scope = '', version]) => [scope, Number(version)]))
}

/** The `write` of an acknowledged write. */
export function positionOf(body: string): number {
  const given: unknown = JSON.parse(body)
  return typeof given === 'object' && given !== null && 'write' in given && typeof given.write === 'number'
    ? given.write
    : 0
}

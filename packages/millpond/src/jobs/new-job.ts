// Validation of an added job: when it is due, and its payload as text.
import { checkedElsewhere, checkOptions, duration, type Shape } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { JobDue } from '../core/jobs.ts'
import { checkJobWord, errorText } from './checks.ts'

export interface WhenOptions {
  /** After this time. */
  readonly in?: Duration | undefined
  /** At this instant, epoch milliseconds or a Date. A past one runs at once. */
  readonly at?: number | Date | undefined
  /** Identifies the job, so that adding it twice runs it once. Default: random. */
  readonly id?: string | undefined
}

const WHEN: Shape<WhenOptions> = { in: duration, at: checkedElsewhere, id: (value) => checkJobWord(value, 'id') }

/** The longest payload, in characters of JSON. */
export const MAX_PAYLOAD = 65_536

/** @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`. */
export function dueOf(when: WhenOptions): JobDue {
  checkOptions<WhenOptions>(when, WHEN, 'when')
  const { in: after, at } = when
  if (after !== undefined && at !== undefined)
    throw new MillpondError('OPTION_INVALID', 'a job runs "in" a time or "at" an instant: give one of them')
  if (at !== undefined) {
    const instant = at instanceof Date ? at.getTime() : at
    if (typeof instant === 'number' && Number.isFinite(instant) && Math.abs(instant) <= 8.64e15) return { at: instant }
    throw new MillpondError('OPTION_INVALID', `at: ${show(at)} is not an instant: give epoch milliseconds or a Date`)
  }
  const inMs = after === undefined ? 0 : parseDuration(after, 'in')
  if (Number.isFinite(inMs)) return { inMs }
  throw new MillpondError('OPTION_INVALID', 'in: Infinity is never reached: give a finite time')
}

/** @throws MillpondError `VALUE_UNSUPPORTED`, `VALUE_TOO_LARGE`. */
export function payloadText(kind: string, payload: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(payload ?? null)
  } catch (cause) {
    throw new MillpondError(
      'VALUE_UNSUPPORTED',
      `the payload of the job ${show(kind)} cannot be written as JSON: ${errorText(cause)}`,
      {
        cause,
      },
    )
  }
  if (text === undefined)
    throw new MillpondError(
      'VALUE_UNSUPPORTED',
      `the payload of the job ${show(kind)} cannot be written as JSON: give plain data`,
    )
  if (text.length > MAX_PAYLOAD)
    throw new MillpondError(
      'VALUE_TOO_LARGE',
      `the payload of the job ${show(kind)} has ${text.length} characters, and at most ${MAX_PAYLOAD} are allowed: store it elsewhere and pass its name`,
    )
  return text
}

// Reads the logs of all witnesses of a tier, and reports whether they are intact, and whether everything returned had
// been stored.
import { type KeyObject, verify } from 'node:crypto'
import { createReadStream, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { checkedElsewhere, checkOptions, type Shape } from '../../core/checks.ts'
import { MillpondError, reasonOf, show } from '../../core/errors.ts'
import { type Checkpoint, hashOf, type Line, SUFFIX, signedText } from './chain.ts'
import { keyFrom } from './signing-key.ts'

export interface VerifyWitnessOptions {
  /** The signer's public key: a checkpoint without a valid signature is then a fault. */
  readonly publicKey?: KeyObject | string | undefined
  /**
   * Checkpoints that were stored elsewhere: a log that does not reach one, or differs there, was truncated or changed.
   */
  readonly checkpoints?: readonly Checkpoint[] | undefined
}

/** The result for one log. */
export interface WitnessedLog {
  /** The name of its file. */
  readonly log: string
  /** The name of the tier that it witnessed; empty if its first line cannot be read. */
  readonly tier: string
  /** How many complete lines it has. */
  readonly lines: number
  /** How many of these lines are checkpoints. */
  readonly checkpoints: number
  /** What is wrong with it, and in which line; undefined if it is intact. */
  readonly fault: string | undefined
  /** Its last line is incomplete, as after a kill. The line is ignored. */
  readonly isTorn: boolean
}

/** A value that a tier should not have returned. */
export interface WitnessSuspicion {
  /** The log in which the value is recorded as returned. */
  readonly log: string
  /** The number of the line, from 0. */
  readonly line: number
  /** When the value was returned: epoch milliseconds, by the clock of the process that wrote the log. */
  readonly at: number
  /**
   * `unknown`: no witness saw it stored under this key. `older`: the same process had stored something else there
   * since.
   */
  readonly what: 'unknown' | 'older'
  /** SHA-256 of the storage key, base64url. */
  readonly key: string
}

/** The result over all logs. */
export interface WitnessReport {
  /** Every log is intact, and reaches every given checkpoint. */
  readonly isIntact: boolean
  /** In addition, everything returned had been stored. */
  readonly isProven: boolean
  /** The result of each log in the folder. */
  readonly logs: readonly WitnessedLog[]
  /** How many values were stored, over all logs. */
  readonly stored: number
  /** How many values were returned, over all logs. */
  readonly returned: number
  /** How many suspicions there are. */
  readonly suspicious: number
  /** The first hundred of them. */
  readonly suspicions: readonly WitnessSuspicion[]
  /** Given checkpoints that no log contains. */
  readonly missing: readonly Checkpoint[]
}

const OPTIONS: Shape<VerifyWitnessOptions> = { publicKey: checkedElsewhere, checkpoints: checkedElsewhere }
const MAX_SHOWN = 100

/**
 * Checks all logs in a folder. Takes a few hundred bytes of memory per stored value.
 * @throws MillpondError `OPTION_INVALID` for an unreadable folder or an invalid key.
 */
export async function verifyWitness(path: string, options: VerifyWitnessOptions = {}): Promise<WitnessReport> {
  checkOptions<VerifyWitnessOptions>(options, OPTIONS, 'verifyWitness')
  const { names, key, kept } = inputs(path, options)
  const stored = new Map<string, Set<string>>()
  const logs: WitnessedLog[] = []
  const reached = new Set<string>()
  for (const name of names) logs.push(await checkLog(join(path, name), name, key, kept, stored, reached))
  const suspicions: WitnessSuspicion[] = []
  const counts = { stored: 0, returned: 0, suspicious: 0 }
  for (const name of names) await judge(join(path, name), name, stored, counts, suspicions)
  const missing = kept.filter(({ log, number }) => !reached.has(`${log} ${number}`))
  const isIntact = missing.length === 0 && logs.every(({ fault }) => fault === undefined)
  return { isIntact, isProven: isIntact && counts.suspicious === 0, logs, ...counts, suspicions, missing }
}

function inputs(path: string, { publicKey, checkpoints = [] }: VerifyWitnessOptions) {
  const key = publicKey === undefined ? undefined : keyFrom(publicKey, 'verifyWitness.publicKey', 'public')
  if (!Array.isArray(checkpoints) || !checkpoints.every(isCheckpoint))
    throw new MillpondError(
      'OPTION_INVALID',
      `verifyWitness.checkpoints: ${show(checkpoints)} is not a list of checkpoints: give those passed to onCheckpoint`,
    )
  try {
    const names = readdirSync(path)
      .filter((name) => name.endsWith(SUFFIX))
      .sort()
    return { names, key, kept: checkpoints }
  } catch (cause) {
    throw new MillpondError('OPTION_INVALID', `verifyWitness: ${show(path)} cannot be checked: ${reasonOf(cause)}`, {
      cause,
    })
  }
}

const isCheckpoint = (one: unknown): one is Checkpoint =>
  typeof one === 'object' && one !== null && 'log' in one && 'number' in one && 'hash' in one

async function checkLog(
  file: string,
  log: string,
  key: KeyObject | undefined,
  kept: readonly Checkpoint[],
  stored: Map<string, Set<string>>,
  reached: Set<string>,
): Promise<WitnessedLog> {
  let [before, tier, lines, checkpoints] = ['', '', 0, 0]
  let fault: string | undefined
  let torn: string | undefined
  for await (const text of createInterface({ input: createReadStream(file) })) {
    if (torn !== undefined) fault ??= `line ${lines} is not valid`
    const line = parse(text)
    if (line === undefined) {
      torn = text
      continue
    }
    const { h, ...told } = line
    if (line.n !== lines) fault ??= `line ${lines} has the number ${line.n}`
    else if (hashOf(before, told) !== h) fault ??= `line ${lines} was changed`
    else if (line.t === 'checkpoint') {
      checkpoints++
      if (key !== undefined && !isSigned({ log, number: lines - 1, hash: before }, line.s, key))
        fault ??= `line ${lines} is not signed by this key`
    }
    for (const point of kept.filter((one) => one.log === log && one.number === line.n)) {
      reached.add(`${log} ${line.n}`)
      if (point.hash !== h) fault ??= `line ${lines} differs from the checkpoint`
    }
    if (line.t === 'begin') tier = line.tier ?? ''
    if (line.t === 'stored' && line.k !== undefined && line.d !== undefined) {
      const digests = stored.get(line.k) ?? new Set()
      stored.set(line.k, digests.add(line.d))
    }
    before = h
    lines++
  }
  return { log, tier, lines, checkpoints, fault, isTorn: torn !== undefined && fault === undefined }
}

function isSigned(point: Checkpoint, signature: string | undefined, key: KeyObject): boolean {
  return signature !== undefined && verify(null, signedText(point), key, Buffer.from(signature, 'base64url'))
}

async function judge(
  file: string,
  log: string,
  stored: ReadonlyMap<string, ReadonlySet<string>>,
  counts: { stored: number; returned: number; suspicious: number },
  suspicions: WitnessSuspicion[],
): Promise<void> {
  /** The values this process stored under each key, latest last. */
  const own = new Map<string, string[]>()
  for await (const text of createInterface({ input: createReadStream(file) })) {
    const line = parse(text)
    if (line?.k === undefined || line.d === undefined) continue
    const { k: key, d: digest } = line
    if (line.t === 'stored') {
      counts.stored++
      own.set(key, [...(own.get(key) ?? []).filter((known) => known !== digest), digest])
      continue
    }
    if (line.t !== 'returned') continue
    counts.returned++
    const its = own.get(key) ?? []
    const isOlder = its.includes(digest) && its.at(-1) !== digest
    const what = stored.get(key)?.has(digest) !== true ? 'unknown' : isOlder ? 'older' : undefined
    if (what === undefined) continue
    counts.suspicious++
    if (suspicions.length < MAX_SHOWN) suspicions.push({ log, line: line.n, at: line.at, what, key })
  }
}

function parse(text: string): Line | undefined {
  try {
    const found: unknown = JSON.parse(text)
    if (
      typeof found !== 'object' ||
      found === null ||
      !('n' in found) ||
      !('t' in found) ||
      !('at' in found) ||
      !('h' in found)
    )
      return undefined
    return typeof found.n === 'number' && typeof found.at === 'number' && typeof found.h === 'string'
      ? (found as Line)
      : undefined
  } catch {
    return undefined
  }
}

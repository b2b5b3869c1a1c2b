// An append-only log of one process: each line carries the hash of itself and, through the previous line, of all before
// it.
//
// Lines are JSON. `n` counts from 0, `t` is the kind, `h` is SHA-256 of the previous line's `h` and this line without
// its own. Some lines are checkpoints, signed if there is a key: a copy stored elsewhere proves later that nothing
// before it was changed (Schneier and Kelsey, Secure Audit Logs to Support Computer Forensics, 1999).
import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto'
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** A line as stored. */
export interface Line {
  readonly n: number
  /** `begin`: names the tier. `stored`, `returned`: a key's bytes. `checkpoint`: signed. */
  readonly t: 'begin' | 'stored' | 'returned' | 'checkpoint'
  /** Epoch milliseconds, by this process's clock. */
  readonly at: number
  readonly tier?: string
  /** SHA-256 of the storage key, and of the bytes: the log shows neither. */
  readonly k?: string
  readonly d?: string
  readonly s?: string
  readonly h: string
}

/** A point of a log, to be stored where writers of the log cannot write. */
export interface Checkpoint {
  /** The name of the log's file. */
  readonly log: string
  /** The number of the line, from 0. */
  readonly number: number
  /** The hash of that line, base64url: it depends on all lines before it. */
  readonly hash: string
  /** Ed25519 over log, number and hash; absent without a key. */
  readonly signature?: string
}

export const SUFFIX = '.witness'
export const digestOf = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('base64url')
export const hashOf = (before: string, line: Omit<Line, 'h'>): string => digestOf(`${before}\n${JSON.stringify(line)}`)
export const signedText = ({ log, number, hash }: Checkpoint): Buffer => Buffer.from(`${log} ${number} ${hash}`)

export interface ChainOptions {
  readonly folder: string
  readonly tier: string
  readonly every: number
  readonly key: KeyObject | undefined
  readonly onCheckpoint: ((checkpoint: Checkpoint) => void) | undefined
}

type Told = Pick<Line, 't' | 'k' | 'd' | 'tier' | 's'>

export class Chain {
  readonly #options: ChainOptions
  readonly #name = `${Date.now()}-${randomBytes(6).toString('hex')}${SUFFIX}`
  readonly #file: number
  #number = 0
  #hash = ''
  #since = 0
  #isClosed = false

  /** File system errors propagate. */
  constructor(options: ChainOptions) {
    this.#options = options
    mkdirSync(options.folder, { recursive: true, mode: 0o700 })
    this.#file = openSync(join(options.folder, this.#name), 'ax', 0o600)
    this.add([{ t: 'begin', tier: options.tier }])
  }

  /** Passed to the operating system before this returns: it survives a kill of the process. */
  add(told: readonly Told[]): void {
    if (this.#isClosed || told.length === 0) return
    const at = Date.now()
    let text = ''
    for (const one of told) text += this.#line({ ...one, at })
    this.#since += told.length
    if (this.#since >= this.#options.every) text += this.#checkpoint(at)
    const bytes = Buffer.from(text)
    for (let written = 0; written < bytes.length; ) written += writeSync(this.#file, bytes, written)
  }

  close(): void {
    if (this.#isClosed) return
    const bytes = Buffer.from(this.#checkpoint(Date.now()))
    for (let written = 0; written < bytes.length; ) written += writeSync(this.#file, bytes, written)
    this.#isClosed = true
    closeSync(this.#file)
  }

  #line({ t, at, tier, k, d, s }: Omit<Line, 'n' | 'h'>): string {
    const line: Omit<Line, 'h'> = {
      n: this.#number++,
      t,
      at,
      ...(tier !== undefined && { tier }),
      ...(k !== undefined && { k }),
      ...(d !== undefined && { d }),
      ...(s !== undefined && { s }),
    }
    this.#hash = hashOf(this.#hash, line)
    return `${JSON.stringify({ ...line, h: this.#hash })}\n`
  }

  /** A checkpoint names the line before it. */
  #checkpoint(at: number): string {
    const { key, onCheckpoint } = this.#options
    this.#since = 0
    const point: Checkpoint = { log: this.#name, number: this.#number - 1, hash: this.#hash }
    const signature = key === undefined ? undefined : sign(null, signedText(point), key).toString('base64url')
    onCheckpoint?.(signature === undefined ? point : { ...point, signature })
    return this.#line({ t: 'checkpoint', at, ...(signature !== undefined && { s: signature }) })
  }
}

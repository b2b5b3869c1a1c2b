// A command's output: data on standard output, everything else on standard error. A closed pipe is not an error:
// nothing more is written.
import type { Writable } from 'node:stream'
import { columnsOf, mayColour, type Streams } from './streams.ts'
import { type Column, tableLines } from './table.ts'
import { type Part, render, type Safe, shownJson, styled, text } from './text.ts'

export interface OutputOptions {
  /** Undefined: for people. `*`: all fields; else a list of fields. */
  readonly json: string | undefined
  readonly isNdjson: boolean
  readonly isQuiet: boolean
  readonly isVerbose: boolean
  readonly isColourless: boolean
}

export class Output {
  readonly #streams: Streams
  readonly #options: OutputOptions
  /** Whether data may be coloured. */
  readonly isColoured: boolean
  #isGone = false

  constructor(streams: Streams, options: OutputOptions) {
    this.#streams = streams
    this.#options = options
    this.isColoured = !options.isColourless && mayColour(streams)
    for (const stream of [streams.stdout, streams.stderr])
      stream.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') throw error
        if (stream === streams.stdout) this.#isGone = true
      })
  }

  /** The reader has gone. */
  get isGone(): boolean {
    return this.#isGone || this.#streams.stdout.destroyed
  }

  get isJson(): boolean {
    return this.#options.json !== undefined || this.#options.isNdjson
  }

  get isNdjson(): boolean {
    return this.#options.isNdjson
  }

  get isVerbose(): boolean {
    return this.#options.isVerbose
  }

  /** Of the terminal; undefined if lines are not to be cut. */
  get columns(): number | undefined {
    return columnsOf(this.#streams)
  }

  /** Whether a line can be overwritten: progress. */
  get mayRedraw(): boolean {
    return (
      this.#streams.stderr.isTTY === true && this.#streams.env.TERM !== 'dumb' && !this.#options.isQuiet && !this.isJson
    )
  }

  /** The command's answer: one document for programs, or lines for people. */
  async answer(schema: string, data: Readonly<Record<string, unknown>>, people: () => void): Promise<void> {
    if (!this.isJson) return people()
    const { json = '*', isNdjson } = this.#options
    const wanted = json === '*' ? undefined : json.split(',')
    const chosen = wanted === undefined ? data : Object.fromEntries(wanted.map((name) => [name, data[name] ?? null]))
    await this.#write(`${shownJson({ schema: `millpond.${schema}/1`, ...chosen }, isNdjson ? undefined : 2)}\n`)
  }

  /** One row of a list, as it arrives. */
  row(data: unknown): Promise<void> {
    return this.#write(`${shownJson(data)}\n`)
  }

  /** Text for other programs, unchanged: an export, a script. */
  raw(words: string): Promise<void> {
    return this.#write(words)
  }

  line(part: Part = text``): void {
    if (!this.isJson) void this.#write(`${render(part, this.isColoured)}\n`)
  }

  table(columns: readonly Column[], rows: readonly (readonly Part[])[]): void {
    for (const line of tableLines(columns, rows, this.columns)) this.line(line)
  }

  /** Besides the data: progress, next steps. */
  note(part: Safe): void {
    if (!this.#options.isQuiet) this.#tell(part)
  }

  warn(part: Safe): void {
    this.#tell(text`${styled('yellow', 'warning:')} ${part}`)
  }

  error(part: Safe): void {
    this.#tell(part)
  }

  /** Overwrites the previous line, if possible. */
  redraw(part: Safe | undefined): void {
    if (this.mayRedraw)
      this.#to(this.#streams.stderr, `\r\x1b[2K${part === undefined ? '' : render(part, this.isColoured)}`)
  }

  #tell(part: Safe): void {
    const { stderr, env } = this.#streams
    const isColoured =
      stderr.isTTY === true && !this.#options.isColourless && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb'
    this.#to(stderr, `${render(part, isColoured)}\n`)
  }

  #to(stream: Writable, words: string): void {
    if (!stream.destroyed) stream.write(words)
  }

  /** Resolves once there is room for more: a slow reader slows the command down instead of filling memory. */
  async #write(words: string): Promise<void> {
    const { stdout } = this.#streams
    if (this.isGone) return
    if (stdout.write(words)) return
    await new Promise<void>((resolve) => {
      const done = (): void => {
        for (const event of ['drain', 'error', 'close']) stdout.off(event, done)
        resolve()
      }
      for (const event of ['drain', 'error', 'close']) stdout.on(event, done)
    })
  }
}

// One statement in progress: its deadline, and the connection that it holds.
import { unheld } from '../../core/unheld.ts'
import type { PostgresClient } from './client.ts'

export type Row = readonly (string | Buffer | null)[]

/** The type that marks a column of hexadecimal digits to be decoded to bytes (`encode(body, 'hex')::varchar`). */
const DIGITS = 1043
const asIs = (text: string): string => text
/**
 * Decoded while the row is read: keeping the digits of a whole result until its end costs the garbage collector as much
 * as everything else.
 */
const asBytes = (text: string): Buffer => Buffer.from(text, 'hex')

/** Everything as text, except marked columns. */
export const asText = { getTypeParser: (type: number) => (type === DIGITS ? asBytes : asIs) }

/** Runs a single statement with its own time limit. */
export async function ask(client: PostgresClient, text: string, ms: number): Promise<Row[]> {
  const { rows } = await withLimit(client.query({ text, rowMode: 'array', types: asText }), ms)
  return (rows ?? []).map(asRow)
}

export function asRow(row: unknown): Row {
  if (Array.isArray(row)) return row
  throw new TypeError('the client answered no row')
}

/** Settles once, with whichever comes first: the result, the error or the deadline. */
export class Call {
  cancel = (): void => {}
  client: PostgresClient | undefined
  isOver = false
  #closing: ReturnType<typeof setTimeout> | undefined

  /**
   * `false` if it had ended already. A connection that it still holds then is busy with an abandoned statement, and is
   * closed unless that ends within `keepMs`.
   */
  end(keepMs: number): boolean {
    if (this.isOver) return false
    this.isOver = true
    this.cancel()
    if (keepMs === 0) this.release(true)
    else if (this.client !== undefined) this.#closing = unheld(setTimeout(() => this.release(true), keepMs))
    return true
  }

  release(destroy: boolean): void {
    clearTimeout(this.#closing)
    const { client } = this
    this.client = undefined
    client?.release(destroy)
  }
}

/** Rejects if the work takes longer; a late result goes to `late`. */
export function withLimit<T>(work: Promise<T>, ms: number, late?: (result: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    let isOver = false
    const timer = setTimeout(() => {
      isOver = true
      reject(new Error(`no answer within ${ms} ms`))
    }, ms)
    work.then(
      (result) => {
        clearTimeout(timer)
        if (isOver) late?.(result)
        else resolve(result)
      },
      (error: unknown) => {
        clearTimeout(timer)
        reject(error)
      },
    )
  })
}

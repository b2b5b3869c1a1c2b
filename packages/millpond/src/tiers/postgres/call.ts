// One statement on its way: its deadline, and the connection that it holds.
import type { PostgresClient } from './client.ts'

export type Row = readonly (string | Buffer | null)[]

/**
 * The type by which a statement marks a column of hexadecimal digits that is to be bytes (`encode(body,
 * 'hex')::varchar`).
 */
const DIGITS = 1043
const asIs = (text: string): string => text
/**
 * At once, while the row is read: digits of a whole answer that are kept until its end cost the garbage collector as
 * much as all else.
 */
const asBytes = (text: string): Buffer => Buffer.from(text, 'hex')

/** Everything as text, but for what is marked. */
export const asText = { getTypeParser: (type: number) => (type === DIGITS ? asBytes : asIs) }

/** A statement by itself, with a limit of its own. */
export async function ask(client: PostgresClient, text: string, ms: number): Promise<Row[]> {
  const { rows } = await withLimit(client.query({ text, rowMode: 'array', types: asText }), ms)
  return (rows ?? []).map(asRow)
}

export function asRow(row: unknown): Row {
  if (Array.isArray(row)) return row
  throw new TypeError('the client answered no row')
}

/** Ends once, whatever comes first: the answer, the error or the deadline. */
export class Call {
  cancel = (): void => {}
  client: PostgresClient | undefined
  isOver = false

  /**
   * `false` when it was over already. A connection that is still held then is busy with a statement that was given up.
   */
  end(): boolean {
    if (this.isOver) return false
    this.isOver = true
    this.cancel()
    this.release(true)
    return true
  }

  release(destroy: boolean): void {
    const { client } = this
    this.client = undefined
    client?.release(destroy)
  }
}

/** Rejects when the work takes longer; what it brings then goes to `late`. */
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

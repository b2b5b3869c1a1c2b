// Questions to the user. Without a terminal, a question is a failure that names the option that answers it.
import { createInterface } from 'node:readline'
import { Failure } from '../failure.ts'
import type { Streams } from './streams.ts'
import { render, type Safe } from './text.ts'

export interface Asking {
  readonly streams: Streams
  /** `--no-input`. */
  readonly isForbidden: boolean
  readonly signal: AbortSignal
}

/**
 * @param option the one that answers it without a question
 * @throws Failure if there is no terminal, or the input ends
 */
export async function ask({ streams, isForbidden, signal }: Asking, question: Safe, option: string): Promise<string> {
  const { stdin, stderr, env } = streams
  if (isForbidden || stdin.isTTY !== true || isContinuous(env))
    throw new Failure('unconfirmed', `this needs a confirmation, and there is no terminal to ask: use ${option}`)
  const lines = createInterface({ input: stdin, output: stderr, terminal: false })
  try {
    return await new Promise<string>((resolve, reject) => {
      const given = (): void => reject(new Failure('interrupted', 'nothing was changed'))
      signal.addEventListener('abort', given, { once: true })
      lines.once('close', () =>
        reject(
          new Failure(
            'unconfirmed',
            `the input ended without an answer: nothing was changed (use ${option} to confirm)`,
          ),
        ),
      )
      lines.question(`${render(question, false)} `, resolve)
    })
  } finally {
    lines.close()
  }
}

const isContinuous = (env: Streams['env']): boolean => /^(1|true)$/i.test(env.CI ?? '')

/** Reads standard input to its end. @throws Failure if it is a terminal, which would wait for ever */
export async function readInput({ stdin }: Pick<Streams, 'stdin'>, what: string): Promise<string> {
  if (stdin.isTTY === true)
    throw new Failure('usage', `${what} is read from standard input, which is a terminal: pipe it in, or name a file`)
  const chunks: Buffer[] = []
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}

/** Reads a line without echo. */
export async function readSecret({ streams, signal }: Asking, question: Safe): Promise<string> {
  const { stdin, stderr } = streams
  // First, so that text pasted right away is not echoed either.
  stdin.setRawMode?.(true)
  stderr.write(`${render(question, false)} `)
  let typed = ''
  try {
    for await (const chunk of stdin) {
      for (const character of String(chunk)) {
        if (character === '\r' || character === '\n') return typed
        if (character === '\u0003' || character === '\u0004' || signal.aborted)
          throw new Failure('interrupted', 'nothing was stored')
        typed = character === '\u007f' ? typed.slice(0, -1) : typed + character
      }
    }
    return typed
  } finally {
    stdin.setRawMode?.(false)
    stderr.write('\n')
  }
}

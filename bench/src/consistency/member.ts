// A process of the comparison: a contender's cache, told what to do over a channel. Also in this very process, for
// tests.
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ContenderOptions } from './contender.ts'
import { contenderByName } from './contenders.ts'
import type { TaskParts } from './task-parts.ts'
import { type ArgsOf, type ResultOf, runTask, type TaskName } from './tasks.ts'

export interface Member {
  readonly name: string
  /** Runs a task there and answers its result; rejects with what it threw. */
  run<N extends TaskName>(task: N, args: ArgsOf[N]): Promise<ResultOf[N]>
  close(): Promise<void>
}

export type Answer = TaskParts['ask']

export interface MemberOptions {
  /** The name of the process in histories. */
  readonly name: string
  readonly contender: string
  readonly options: ContenderOptions
  /** Answers what the process asks of the truth. */
  readonly answer?: Answer
  readonly exposeGc?: boolean
}

export type ToWorker =
  | { readonly id: number; readonly task: TaskName; readonly args: unknown }
  | { readonly answerTo: number; readonly answer: unknown }
export type FromWorker =
  | { readonly ready: true }
  | { readonly id: number; readonly result?: unknown; readonly error?: string }
  | { readonly ask: number; readonly question: Parameters<Answer>[0] }

const noAnswer: Answer = () => Promise.reject(new Error('there is no truth to ask'))

/** Starts a child process; resolves when its cache is open. */
export async function startMember({
  name,
  contender,
  options,
  answer = noAnswer,
  exposeGc = false,
}: MemberOptions): Promise<Member> {
  const worker = fileURLToPath(new URL('./worker.js', import.meta.url))
  const child = fork(worker, [name, contender, JSON.stringify(options)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: exposeGc ? ['--expose-gc'] : [],
    serialization: 'advanced',
  })
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>()
  let ids = 0
  await new Promise<void>((resolve, reject) => {
    child.on('message', (message: FromWorker) => {
      if ('ready' in message) resolve()
      else if ('ask' in message) {
        void answer(message.question).then((found) => send(child, { answerTo: message.ask, answer: found }))
      } else {
        const caller = waiting.get(message.id)
        waiting.delete(message.id)
        if (message.error === undefined) caller?.resolve(message.result as never)
        else caller?.reject(new Error(`${contender}: ${message.error}`))
      }
    })
    child.once('exit', (code, signal) => {
      const error = new Error(`the process of ${contender} ended with ${code ?? signal}`)
      reject(error)
      for (const caller of waiting.values()) caller.reject(error)
    })
  })
  return {
    name,
    run: (task, args) =>
      new Promise((resolve, reject) => {
        const id = ++ids
        waiting.set(id, { resolve, reject })
        send(child, { id, task, args })
      }),
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return
      // A library whose close waits for a server that is gone must not hold up the others.
      child.kill('SIGKILL')
      await new Promise((resolve) => child.once('exit', resolve))
    },
  }
}

function send(child: ChildProcess, message: ToWorker): void {
  if (child.connected) child.send(message, () => undefined)
}

/** The same in this process. */
export async function localMember({ name, contender, options, answer = noAnswer }: MemberOptions): Promise<Member> {
  const cache = await contenderByName(contender).open(options)
  const parts: TaskParts = { name, cache, options, ask: answer }
  return {
    name,
    run: (task, args) => runTask(parts, task, args),
    close: async () => void (await cache.close()),
  }
}

export type StartMember = (options: MemberOptions) => Promise<Member>

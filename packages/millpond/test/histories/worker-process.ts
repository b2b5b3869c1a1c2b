// A worker as its supervisor sees it: a forked process with a present life, killed and born again under another name.
import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FromSupervisor, FromWorker, Told, WorkerOptions } from './messages.ts'
import type { Truth } from './truth.ts'

export interface WorkerProcess {
  /** The name of its present life. */
  readonly name: string
  readonly pid: number
  /** Gives an order and waits for what the worker tells when it has been carried out. */
  order(order: Extract<FromSupervisor, { order: string }>, until: Told, withinMs: number): Promise<void>
  /** SIGKILL, and a new life. */
  replace(): Promise<void>
  /** Closes the cache; resolves when the process has ended by itself. Rejects when it does not. */
  close(withinMs: number): Promise<void>
  /** Ends it, whatever it does. */
  kill(): Promise<void>
}

export interface WorkerParts {
  readonly compiled: string
  readonly truth: Truth
  readonly optionsOf: (process: string) => WorkerOptions
  readonly onCrash: (process: string, detail: string) => void
}

const BIRTH_MS = 20_000
/** Of the time of a bound: who waited longer for a processor was starved. */
const STARVED_SHARE = 0.1

/** A time limit was missed by a process that had no processor, so its behaviour cannot be judged. */
export class Starved extends Error {}

/** @param waited for how long the process has waited for a processor in all, milliseconds */
export function lateness(what: string, waited: number, inMs: number): Error {
  const share = waited / Math.max(1, inMs)
  return share < STARVED_SHARE
    ? new Error(what)
    : new Starved(`${what}, and waited for a processor ${Math.round(share * 100)} % of it`)
}

/** What to say of a process that is late, measured from now on: its own waits, and those of this one. */
function overdue({ pid }: ChildProcess): (what: string) => Error {
  const begun = performance.now()
  const before = [waitedMs(pid), waitedMs(process.pid)] as const
  return (what) =>
    lateness(what, Math.max(waitedMs(pid) - before[0], waitedMs(process.pid) - before[1]), performance.now() - begun)
}

/**
 * Starts a worker; resolves when it works. Rejects where it does not, though it had a processor for long enough: four
 * workers may be born at once.
 */
export async function startWorker(id: string, parts: WorkerParts): Promise<WorkerProcess> {
  let life = 0
  let child: ChildProcess
  let name = ''
  let waiters: { told: Told; resolve: () => void; reject: (error: Error) => void }[] = []

  function hear(message: FromWorker, from: ChildProcess, process: string): void {
    if ('ask' in message) {
      const answer = parts.truth.ask(process, message)
      // The channel of a process that was just killed is closed: there is no receiver.
      if (from.connected) from.send({ id: message.id, answer }, () => undefined)
    } else if (message.tell === 'crashed') parts.onCrash(process, message.detail ?? '')
    else {
      for (const waiter of waiters.filter(({ told }) => told === message.tell)) waiter.resolve()
      waiters = waiters.filter(({ told }) => told !== message.tell)
    }
  }

  function wait(told: Told, withinMs: number): Promise<void> {
    const who = name
    const why = overdue(child)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(why(`${who} was not ${told} within ${withinMs} ms`)), withinMs)
      const settle = (fn: (error: Error) => void) => (error?: Error) => {
        clearTimeout(timer)
        fn(error ?? new Error())
      }
      waiters.push({ told, resolve: settle(() => resolve()), reject: settle(reject) })
    })
  }

  async function live(): Promise<void> {
    life += 1
    const process = `${id}.${life}`
    name = process
    const born = fork(join(parts.compiled, 'test/histories/worker.js'), [JSON.stringify(parts.optionsOf(process))], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: [],
    })
    child = born
    born.on('message', (message: FromWorker) => hear(message, born, process))
    born.once('exit', (code, signal) => {
      parts.truth.died(process)
      if (name === process)
        for (const waiter of waiters.splice(0)) waiter.reject(new Error(`${process} ended with ${code ?? signal}`))
    })
    await bear(born)
  }

  /** Ready in time: what it waited for a processor is the machine's. */
  async function bear(born: ChildProcess): Promise<void> {
    const begun = performance.now()
    const ready = wait('ready', 10 * BIRTH_MS)
    let look: ReturnType<typeof setInterval> | undefined
    const late = new Promise<never>((_, reject) => {
      look = setInterval(() => {
        const ran = performance.now() - begun - waitedMs(born.pid)
        if (ran > BIRTH_MS) reject(new Error(`${name} was not ready within ${BIRTH_MS} ms in which it could run`))
      }, 1000)
    })
    await Promise.race([ready, late]).finally(() => clearInterval(look))
  }

  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  await live()
  return {
    get name() {
      return name
    },
    get pid() {
      return child.pid ?? -1
    },
    order(order, until, withinMs) {
      const done = wait(until, withinMs)
      child.send(order)
      return done
    },
    async replace() {
      await kill()
      await live()
    },
    async close(withinMs) {
      const why = overdue(child)
      const gone = new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(why(`${name} did not end within ${withinMs} ms after close`)), withinMs)
        child.once('exit', (code, signal) => {
          clearTimeout(timer)
          if (code === 0) resolve()
          else reject(new Error(`${name} ended with ${code ?? signal} after close`))
        })
      })
      child.send({ order: 'close' })
      await gone
    },
    kill,
  }
}

/**
 * For how long a process has wanted to run and could not, milliseconds (the second figure of Linux' sched-stats); 0
 * where that cannot be read.
 */
function waitedMs(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[1]) / 1e6
  } catch {
    return 0
  }
}

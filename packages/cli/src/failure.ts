// Errors that end a command, and the exit codes that scripts rely on.

export const EXIT = {
  done: 0,
  unexpected: 1,
  usage: 2,
  unhealthy: 3,
  forbidden: 4,
  notFound: 5,
  conflict: 6,
  partial: 7,
  unreachable: 8,
  unconfirmed: 9,
  rateLimited: 10,
  unavailable: 11,
  interrupted: 130,
} as const
export type ExitName = keyof typeof EXIT

/** Reported in one line, with the remedy. */
export class Failure extends Error {
  readonly exit: ExitName
  /** For `--verbose`, line by line. */
  readonly more: readonly string[]

  constructor(exit: ExitName, message: string, more: readonly string[] = []) {
    super(message)
    this.name = 'Failure'
    this.exit = exit
    this.more = more
  }
}

export const wrongUse = (message: string): Failure => new Failure('usage', message)

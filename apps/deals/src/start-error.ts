// A start that cannot go on: one line that shows the value and the remedy, exit code 2.

export class StartError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'StartError'
  }
}

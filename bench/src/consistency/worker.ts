// A child process of the comparison: opens the cache that it is told to and runs the tasks that come.
import { contenderByName } from './contenders.ts'
import type { FromWorker, ToWorker } from './member.ts'
import { openBare } from './open-bare.ts'
import type { TaskParts } from './task-parts.ts'
import { runTask } from './tasks.ts'

const [name = '', contender = '', text = '{}'] = process.argv.slice(2)
const options = JSON.parse(text)
const cache = await (contender === 'bare ioredis' ? openBare(options) : contenderByName(contender).open(options))

const waiting = new Map<number, (answer: unknown) => void>()
let questions = 0

function say(message: FromWorker): void {
  process.send?.(message)
}

const parts: TaskParts = {
  name,
  cache,
  options,
  ask: (question) =>
    new Promise((resolve) => {
      const ask = ++questions
      waiting.set(ask, (answer) => resolve(answer as never))
      say({ ask, question })
    }),
}

process.on('message', (message: ToWorker) => {
  if ('answerTo' in message) {
    waiting.get(message.answerTo)?.(message.answer)
    waiting.delete(message.answerTo)
    return
  }
  runTask(parts, message.task, message.args as never).then(
    (result) => say({ id: message.id, result }),
    (error: unknown) =>
      say({ id: message.id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  )
})
// What a library throws in the background under a fault is its own affair; the history shows what its callers saw.
process.on('unhandledRejection', () => undefined)
process.on('disconnect', () => process.exit(0))
say({ ready: true })

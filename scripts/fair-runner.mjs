// A Vitest runner that tells faults of the product from a lack of CPU: a test that failed for lack of CPU counts as not
// run. And a suite that leaves its process changed fails itself, rather than the next one.
// @ts-check
import { TestRunner } from 'vitest'
import { watchProcess } from './left-behind.mjs'
import { measureSuite } from './suite-cpu.mjs'
import { TICK_MS, watchWaiting } from './waiting.mjs'

/**
 * Messages that mean that something did not happen in time, in any suite; `expect(ms, 'in time')` adds this to an
 * assertion.
 */
const LATE =
  /timed out in \d+ms|^(?:\w+\.)?\w+: Timeout \d+ms exceeded|waited \d+ ms in vain|^not within \d+ ms: |^in time: |^Matcher did not succeed in time/
/** Timeouts of the product itself, or of a client in the test (pg, ioredis), that no assertion expected. */
const GIVEN_UP =
  /no (answer|connection) within \d+ ms|did not (answer|return) within \d+ ms|^(timeout expired|timeout exceeded when trying to connect|Query read timeout|Command timed out|connect ETIMEDOUT)$/

/**
 * Only lateness can be the machine's fault: a wrong result is wrong on every machine.
 * @param {{ name?: string, message: string, cause?: unknown }} error
 */
function isLate({ name, message, cause }) {
  if (LATE.test(message) || (name !== 'AssertionError' && GIVEN_UP.test(message))) return true
  // `expect.poll` mentions time only in the cause.
  return typeof cause === 'object' && cause !== null && LATE.test(String(Reflect.get(cause, 'message')))
}

/** @typedef {Parameters<TestRunner['onAfterRunTask']>[0] | Parameters<TestRunner['onAfterRunSuite']>[0]} Task */

/** @param {Pick<ReturnType<typeof watchWaiting>, 'now' | 'excuse'>} watch */
export const fairRunner = (watch) =>
  class extends TestRunner {
    /** @type {Map<string, number>} */
    #begun = new Map()
    /** @type {() => string[]} */
    #leftBehind = () => []
    #measured = () => {}

    /** @override @param {Parameters<TestRunner['onBeforeRunTask']>[0]} task */
    async onBeforeRunTask(task) {
      this.#begun.set(task.id, watch.now())
      await super.onBeforeRunTask(task)
    }

    /** @override @param {Parameters<TestRunner['onBeforeRunSuite']>[0]} suite */
    async onBeforeRunSuite(suite) {
      this.#begun.set(suite.id, watch.now())
      if (suite.file === suite) {
        this.#leftBehind = watchProcess()
        this.#measured = measureSuite(process.env.MILLPOND_SUITE_CPU, suite.file.name)
      }
      await super.onBeforeRunSuite(suite)
    }

    /** @override @param {Parameters<TestRunner['onAfterRunTask']>[0]} task */
    onAfterRunTask(task) {
      super.onAfterRunTask(task)
      this.#judge(task)
    }

    /** @override @param {Parameters<TestRunner['onAfterRunSuite']>[0]} suite */
    async onAfterRunSuite(suite) {
      await super.onAfterRunSuite(suite)
      if (suite.file === suite) this.#measured()
      if (suite.file === suite && this.config.isolate === false) this.#judgeProcess(suite)
      // A failure of the suite itself is that of a hook; its tests were judged when they ended.
      if (suite.result?.errors === undefined) return
      const note = this.#judge(suite)
      if (note !== undefined) console.error(`millpond: ${suite.name}: ${note}`)
    }

    /** @param {Parameters<TestRunner['onAfterRunSuite']>[0]} file */
    #judgeProcess(file) {
      const left = this.#leftBehind()
      if (left.length === 0 || file.result === undefined) return
      const error = {
        name: 'Error',
        message: `it leaves ${left.join(', ')} changed for the suites after it: put that back`,
      }
      file.result.state = 'fail'
      file.result.errors = [...(file.result.errors ?? []), error]
    }

    /** @param {Task} task */
    #judge(task) {
      if (task.result?.state !== 'fail') return undefined
      const errors = task.result.errors ?? []
      if (!errors.every(isLate)) return undefined
      const excuse = watch.excuse(this.#begun.get(task.id) ?? 0)
      if (excuse === undefined) return undefined
      const note = `not run: ${excuse}; it said: ${errors[0]?.message.split('\n', 1)[0]}`
      task.mode = 'skip'
      // `note` is shown by Vitest's reporters for a skip, but missing from its types.
      task.result = Object.assign(
        { state: /** @type {const} */ ('skip'), duration: task.result.duration ?? 0 },
        { note, pending: true },
      )
      return note
    }
  }

const watch = watchWaiting()
setInterval(watch.tick, TICK_MS).unref()

export default fairRunner(watch)

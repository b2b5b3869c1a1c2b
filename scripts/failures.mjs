// A Vitest reporter that lists at the very end what failed, and what the machine was too busy for, a line each: so the
// last lines of a log say what to look at.
// @ts-check
import { relative } from 'node:path'
import { root } from './prepare.mjs'

/** @typedef {{ readonly message: string, readonly stacks?: readonly unknown[] }} Failure */
/** @typedef {{ errors(): readonly Failure[] }} Suite */
/** @typedef {{ readonly errors?: readonly Failure[] | undefined, readonly note?: string | undefined }} Result */
/** @typedef {{ readonly fullName: string, result(): Result }} Test */
/**
 * @typedef {Suite & {
 *   readonly moduleId: string
 *   readonly children: {
 *     allSuites(): Iterable<Suite & { readonly fullName: string }>
 *     allTests(state: 'failed' | 'skipped'): Iterable<Test>
 *   }
 * }} File
 */

export default class Failures {
  /** @param {readonly File[]} files @param {readonly Failure[]} unhandled */
  onTestRunEnd(files, unhandled) {
    const excused = listExcused(files)
    if (excused.length > 0) console.error(`\nmillpond: what counts as not run:\n${excused.join('\n')}`)
    const lines = listFailures(files, unhandled)
    if (lines.length > 0) console.error(`\nmillpond: what failed:\n${lines.join('\n')}`)
  }
}

/**
 * @param {readonly File[]} files @param {readonly Failure[]} unhandled errors that no test awaited
 * @returns {string[]}
 */
export function listFailures(files, unhandled) {
  /** @type {string[]} */
  const lines = []
  for (const file of files) {
    const name = relative(root, file.moduleId)
    for (const error of file.errors()) lines.push(`${name}: ${firstLine(error)}`)
    for (const suite of file.children.allSuites())
      for (const error of suite.errors()) lines.push(`${name} > ${suite.fullName}: ${firstLine(error)}`)
    for (const test of file.children.allTests('failed'))
      for (const error of test.result().errors ?? []) lines.push(`${name} > ${test.fullName}: ${firstLine(error)}`)
  }
  for (const error of unhandled) lines.push(`outside of any test${during(error)}: ${firstLine(error)}`)
  return lines
}

/**
 * Tests that failed, or were not judged, for lack of CPU (`fair-runner.mjs`).
 * @param {readonly File[]} files
 * @returns {string[]}
 */
function listExcused(files) {
  return files.flatMap((file) =>
    [...file.children.allTests('skipped')].flatMap((test) => {
      const { note } = test.result()
      return note?.startsWith('not run: ') ? [`${relative(root, file.moduleId)} > ${test.fullName}: ${note}`] : []
    }),
  )
}

/** @param {Failure} error */
const firstLine = (error) => error.message.split('\n', 1)[0]

/** Where Vitest knows what ran when the error came. @param {Failure} error */
function during(error) {
  /** @type {unknown} */
  const name = Reflect.get(error, 'VITEST_TEST_NAME')
  /** @type {unknown} */
  const path = Reflect.get(error, 'VITEST_TEST_PATH')
  if (typeof path !== 'string') return ''
  return `, during ${relative(root, path)}${typeof name === 'string' ? ` > ${name}` : ''}`
}

// The totals of a test run, from Vitest's JSON report, and the last line of `npm test`.
// @ts-check

/** @typedef {{ passed: number, failed: number, skipped: number }} Sums */
/**
 * @typedef {{
 *   numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number,
 *   testResults: { status: string, assertionResults: unknown[] }[]
 * }} Report
 */

/**
 * A file that could not be loaded counts as one failed test, and so does a run that failed for another reason than a
 * test.
 * @param {Report} report @param {boolean} well whether Vitest ended with 0 @returns {Sums}
 */
export function countTests(report, well) {
  const unloaded = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  ).length
  const failed = report.numFailedTests + unloaded
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && !well ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  }
}

/** How the totals in the last line are made up. @param {number} checks stages before the tests @param {Sums} sums */
export const explained = (checks, { passed, failed, skipped }) =>
  `${checks} checks (packages, build, format, types, doors, ...) and ${passed + failed + skipped - checks} tests; a skipped test says why in its title`

/** @param {Sums} sums */
export const closingLine = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`

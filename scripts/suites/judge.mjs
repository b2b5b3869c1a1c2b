// What a run of a published suite means: passed, failed for a reason that is written down, or failed.
// @ts-check

/**
 * @typedef {{ name: string, status: string, message?: string }} Case
 * @typedef {{ reason: string, tests: string[], isTimed?: boolean }} Permitted why these tests fail; `isTimed`: they
 *   depend on which of two things is quicker, and may pass
 * @typedef {{
 *   passed: number, total: number, others: { reason: string, count: number }[], faults: string[]
 * }} Verdict
 */

/**
 * @typedef {{ fullName: string, status: string, failureMessages?: string[] }} Asserted
 * @param {{ testResults: { name: string, message?: string, assertionResults: Asserted[] }[] }} report of Vitest
 * @returns {Case[]}
 */
export function casesOf({ testResults }) {
  return testResults.flatMap(({ name, message, assertionResults }) =>
    assertionResults.length === 0
      ? [{ name, status: 'failed', message: message ?? 'has no tests' }]
      : assertionResults.map(({ fullName, status, failureMessages = [] }) => ({
          name: fullName.trim(),
          status,
          message: failureMessages[0] ?? '',
        })),
  )
}

/**
 * @param {readonly Case[]} cases @param {readonly Permitted[]} permitted
 * @returns {Verdict}
 */
export function judge(cases, permitted) {
  const reasons = new Map(
    permitted.flatMap(({ reason, tests, isTimed = false }) => tests.map((name) => [name, { reason, isTimed }])),
  )
  const names = new Set(cases.map(({ name }) => name))
  // Two files may have a test of one name.
  const failing = new Set(cases.filter(({ status }) => status !== 'passed').map(({ name }) => name))
  /** @type {Map<string, number>} */
  const others = new Map()
  /** @type {string[]} */
  const faults = []
  let passed = 0
  for (const { name, status, message = '' } of cases) {
    const { reason, isTimed = false } = reasons.get(name) ?? {}
    if (status === 'passed') {
      passed++
      if (reason !== undefined && !isTimed && !failing.has(name))
        faults.push(`${name}: passes; remove it from permitted.json`)
    } else if (reason !== undefined) others.set(reason, (others.get(reason) ?? 0) + 1)
    else if (status === 'failed') faults.push(`${name}: ${message.split('\n')[0]}`)
    else {
      const skipped = 'are skipped by the suite itself'
      others.set(skipped, (others.get(skipped) ?? 0) + 1)
    }
  }
  for (const name of reasons.keys())
    if (!names.has(name)) faults.push(`${name}: was not run; remove it from permitted.json`)
  if (cases.length === 0) faults.push('no test was run')
  return { passed, total: cases.length, others: [...others].map(([reason, count]) => ({ reason, count })), faults }
}

/**
 * The table of the guide.
 * @param {readonly { label: string, of: string, on: string, without?: string | undefined, verdict: Verdict }[]} rows
 */
export function tableOf(rows) {
  return [
    '| tests of | version | run on | passed | the others |',
    '| --- | --- | --- | ---: | --- |',
    ...rows.map(({ label, of, on, without, verdict }) => {
      const counted = verdict.others.map(({ reason, count }) => `${count} ${reason}`)
      const others = [...counted, ...(without === undefined ? [] : [without])].join('; ')
      return `| ${label} | ${of} | ${on} | ${verdict.passed} of ${verdict.total} | ${others} |`
    }),
  ].join('\n')
}

// `npm run audit`: known weaknesses in what is installed. Fails on a high or critical one that users get; says so where the registry answers no audits.
// @ts-check
import { spawnSync } from 'node:child_process'
import { root } from './prepare.mjs'

const USAGE = `npm run audit -- [--all]

  Asks the registry for known weaknesses in what is installed. Fails on a high or critical one that users get.
  --all   also what only developers install`
const args = process.argv.slice(2)
if (args.includes('--help') || args.includes('-h')) {
  console.log(USAGE)
  process.exit(0)
}
const odd = args.find((arg) => arg !== '--all')
if (odd !== undefined) {
  console.error(`audit: ${JSON.stringify(odd)} is not an option\n\n${USAGE}`)
  process.exit(2)
}
const everything = args.includes('--all')
const { stdout, stderr, error } = spawnSync('npm', ['audit', '--json', ...(everything ? [] : ['--omit=dev'])], {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 1 << 26,
})
const answer = parse(stdout ?? '')

if (!answer?.metadata) {
  console.log(
    `audit: the registry gave no answer, so nothing was checked (${(answer?.message ?? error?.message ?? stderr?.trim().split('\n')[0]) || 'no message'})`,
  )
  process.exit(0)
}

const counts = answer.metadata.vulnerabilities
console.log(
  `audit: ${['critical', 'high', 'moderate', 'low'].map((level) => `${counts[level] ?? 0} ${level}`).join(', ')}${everything ? '' : ' (without what only developers install; --all for everything)'}`,
)
for (const [name, { severity, range, fixAvailable }] of Object.entries(answer.vulnerabilities ?? {})) {
  console.log(`audit: ${severity}: ${name} ${range}${fixAvailable ? ', a fix is available' : ''}`)
}
process.exitCode = (counts.critical ?? 0) + (counts.high ?? 0) > 0 ? 1 : 0

/**
 * @param {string} text
 * @returns {{ message?: string, metadata?: { vulnerabilities: Record<string, number> }, vulnerabilities?: Record<string, { severity: string, range: string, fixAvailable: unknown }> } | undefined}
 */
function parse(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

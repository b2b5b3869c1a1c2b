// `npm run audit`: known vulnerabilities in installed packages. Fails for a high or critical one in a package that
// users get. If the registry answers no audits, the packages that users get are compared with the list in
// advisories.json, which has to be recent and to cover each of them.
// @ts-check
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './prepare.mjs'
import { broughtAlong } from './sbom.mjs'

const USAGE = `npm run audit -- [--all]

  Asks the registry for known weaknesses in what is installed. Fails on a high or critical one that users get. Where the registry gives no answer,
  scripts/advisories.json says what is known of the packages that users get.
  --all   also what only developers install; the registry alone can tell`
/** The maximum age of the list: then the advisories have to be read again, and the date updated. */
const OLD_DAYS = 180
const BAD = ['high', 'critical']

/** @typedef {{ id: string, package: string, severity: string, vulnerable: readonly string[] }} Advisory */
/** @typedef {{ read: string, packages: readonly string[], advisories: readonly Advisory[] }} Known */

/**
 * The advisories of the list for these packages, a line each: `fault` fails, `note` does not.
 * @param {Known} known @param {readonly { name: string, version: string }[]} packages that users get @param {number}
 * now
 */
export function judgedByList(known, packages, now) {
  const days = Math.floor((now - Date.parse(known.read)) / 86_400_000)
  /** @type {{ fault: string[], note: string[] }} */
  const said = { fault: [], note: [] }
  if (!(days <= OLD_DAYS))
    said.fault.push(
      `scripts/advisories.json is of ${known.read}, ${days} days ago: read the advisories of its packages again, or ask a registry that answers audits`,
    )
  for (const { name, version } of packages) {
    if (!known.packages.some((one) => (one.endsWith('/*') ? name.startsWith(one.slice(0, -1)) : one === name)))
      said.fault.push(`${name} ${version} is not in scripts/advisories.json: read its advisories, and name it there`)
    for (const { id, package: of, severity, vulnerable } of known.advisories)
      if (of === name && vulnerable.some((range) => isIn(version, range)))
        said[BAD.includes(severity) ? 'fault' : 'note'].push(`${severity}: ${name} ${version}: ${id}`)
  }
  return said
}

/**
 * Whether the version satisfies all parts of a range: `>=7.0.0 <7.24.0`. @param {string} version @param {string} range
 */
function isIn(version, range) {
  return range.split(' ').every((part) => {
    const [, sign = '', bound = ''] = /^(<|>=|=)(\d+\.\d+\.\d+)$/.exec(part) ?? []
    if (bound === '')
      throw new Error(
        `scripts/advisories.json: ${JSON.stringify(range)} is not a range: write "<1.2.3", ">=1.2.3" or "=1.2.3"`,
      )
    const order = compare(version, bound)
    return sign === '<' ? order < 0 : sign === '=' ? order === 0 : order >= 0
  })
}

/**
 * A prerelease counts as its release: an advisory for 7.24.0 applies to 7.24.0-beta.
 * @param {string} a
 * @param {string} b
 */
function compare(a, b) {
  const [left, right] = [a, b].map((one) => one.split(/[-+]/)[0]?.split('.').map(Number) ?? [])
  for (let at = 0; at < 3; at++) if (left?.[at] !== right?.[at]) return (left?.[at] ?? 0) - (right?.[at] ?? 0)
  return 0
}

function main() {
  const args = process.argv.slice(2)
  if (args.includes('--help') || args.includes('-h')) return console.log(USAGE)
  const odd = args.find((arg) => arg !== '--all')
  if (odd !== undefined) {
    console.error(`audit: ${JSON.stringify(odd)} is not an option\n\n${USAGE}`)
    process.exitCode = 2
    return
  }
  const everything = args.includes('--all')
  // Do not wait minutes for a registry that cannot be reached.
  const patience = ['--fetch-retries=0', '--fetch-timeout=15000']
  const { stdout, stderr, error } = spawnSync(
    'npm',
    ['audit', '--json', ...patience, ...(everything ? [] : ['--omit=dev'])],
    {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    },
  )
  const answer = parse(stdout ?? '')
  if (!answer?.metadata) {
    const reason = answer?.message ?? error?.message ?? stderr?.trim().split('\n')[0]
    return byList(reason || 'no message')
  }

  const counts = answer.metadata.vulnerabilities
  console.log(
    `audit: ${['critical', 'high', 'moderate', 'low'].map((level) => `${counts[level] ?? 0} ${level}`).join(', ')}${everything ? '' : ' (without what only developers install; --all for everything)'}`,
  )
  show(judgedByRegistry(answer.vulnerabilities ?? {}, everything ? undefined : broughtAlong()))
}

/**
 * What the registry says, a line each: a severe one is a `fault` if users get the package, or if it is not known which
 * packages they get. npm counts what the private packages of this repository depend on, too, such as the libraries that
 * the bench compares.
 * @param {Readonly<Record<string, { severity: string, range: string, fixAvailable?: unknown, nodes?: readonly string[]
 * }>>} weaknesses by package
 * @param {readonly { name: string, version: string }[]} [packages] that users get
 */
export function judgedByRegistry(weaknesses, packages) {
  /** @type {{ packages: Readonly<Record<string, { version?: string }>> }} */
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  /** @type {{ fault: string[], note: string[] }} */
  const said = { fault: [], note: [] }
  for (const [of, { severity, range, fixAvailable, nodes = [] }] of Object.entries(weaknesses)) {
    const versions = nodes.map((node) => lock.packages[node]?.version)
    const isTheirs =
      packages === undefined || packages.some(({ name, version }) => name === of && versions.includes(version))
    const line = `${severity}: ${of} ${range}${fixAvailable ? ', a fix is available' : ''}${isTheirs ? '' : ', which no user gets'}`
    said[isTheirs && BAD.includes(severity) ? 'fault' : 'note'].push(line)
  }
  return said
}

/** @param {{ fault: readonly string[], note: readonly string[] }} said */
function show({ fault, note }) {
  for (const line of note) console.log(`audit: ${line}`)
  for (const line of fault) console.error(`audit: ${line}`)
  process.exitCode = fault.length > 0 ? 1 : 0
}

/** @param {string} reason */
function byList(reason) {
  /** @type {Known} */
  const known = JSON.parse(readFileSync(join(root, 'scripts', 'advisories.json'), 'utf8'))
  const packages = broughtAlong()
  console.log(
    `audit: the registry gave no answer (${reason}): ${packages.length} packages that users get, by the list of ${known.read}`,
  )
  show(judgedByList(known, packages, Date.now()))
}

/**
 * @param {string} text
 * @returns {{ message?: string, metadata?: { vulnerabilities: Record<string, number> }, vulnerabilities?:
 * Record<string, { severity: string, range: string, fixAvailable: unknown }> } | undefined}
 */
function parse(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) main()

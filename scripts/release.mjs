// `npm run release`: tells which version comes next, by the changesets in .changeset; writes it into every package, and
// publishes what `npm run ready` has packed. All packages have one version: changesets' own command would make 1.0.0 of
// any change, since packages that ask for each other's exact version as a peer are broken by whatever raises it.
// @ts-check
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { checkNode, npm, root, run } from './prepare.mjs'

const USAGE = `npm run release -- [--version | --publish]

  Says which version comes next, and why.
  --version   writes it into every package, the lock file and CHANGELOG.md, and removes the changesets
  --publish   runs "npm run ready", and publishes its packages with provenance: from a workflow of the repository that they name`

const SIZES = /** @type {const} */ (['patch', 'minor', 'major'])
/** @typedef {typeof SIZES[number]} Size */

/**
 * Parses a changeset: the packages and how much they change, and a line for people.
 * @param {string} file @param {string} text @param {readonly string[]} names of the packages @returns {Size} the
 * largest
 */
export function sizeOf(file, text, names) {
  const [, head, words = ''] = /^---\n([\s\S]*?)^---\n([\s\S]*)$/m.exec(text.replaceAll('\r\n', '\n')) ?? []
  const fault = (/** @type {string} */ what) => new Error(`.changeset/${file}: ${what}`)
  if (head === undefined) throw fault('begin it with lines of \'"package": minor\' between two lines of ---')
  if (words.trim() === '') throw fault('say below the second --- what changes')
  const sizes = head
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', size = ''] = /^["']?([\w@/-]+)["']?: *(\w+) *$/.exec(line) ?? []
      if (!names.includes(name)) throw fault(`${JSON.stringify(line)} names no package: there are ${names.join(', ')}`)
      const at = SIZES.indexOf(/** @type {Size} */ (size))
      if (at < 0) throw fault(`${JSON.stringify(line)}: say patch, minor or major`)
      return at
    })
  if (sizes.length === 0) throw fault('name a package and how much it changes')
  return SIZES[Math.max(...sizes)] ?? 'patch'
}

/** @param {string} version @param {Size} size */
export function raised(version, size) {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  if (size === 'major') return `${major + 1}.0.0`
  return size === 'minor' ? `${major}.${minor + 1}.0` : `${major}.${minor}.${patch + 1}`
}

/**
 * A version without a section of its own in the changelog has not been released.
 * @param {string} changes of CHANGELOG.md
 * @param {string} version
 */
const isReleased = (changes, version) => new RegExp(`^## ${version.replaceAll('.', '\\.')} \\(`, 'm').test(changes)

/**
 * @param {string} changes
 * @param {string} version
 * @param {readonly Size[]} sizes
 * @returns {string | undefined} undefined: nothing to release
 */
export function nextVersion(changes, version, sizes) {
  if (!isReleased(changes, version)) return version
  const [largest] = [...sizes].sort((a, b) => SIZES.indexOf(b) - SIZES.indexOf(a))
  return largest === undefined ? undefined : raised(version, largest)
}

/**
 * The text of a manifest with another version, including its dependencies on sibling packages.
 * @param {string} text
 * @param {readonly string[]} names
 * @param {string} from
 * @param {string} to
 */
export function withVersion(text, names, from, to) {
  return text.replace(
    new RegExp(`"(version|${names.join('|')})": "${from.replaceAll('.', '\\.')}"`, 'g'),
    `"$1": "${to}"`,
  )
}

/** @param {string} changes @param {string} version @param {string} day */
export const withSection = (changes, version, day) =>
  changes.replace(/^## Unreleased$/m, `## Unreleased\n\n## ${version} (${day})`)

function state() {
  const folders = readdirSync(join(root, 'packages')).map((one) => `packages/${one}`)
  /** @type {{ name: string, version: string }[]} */
  const manifests = folders.map((folder) => JSON.parse(read(`${folder}/package.json`)))
  const names = manifests.map(({ name }) => name)
  const files = readdirSync(join(root, '.changeset')).filter((name) => name.endsWith('.md') && name !== 'README.md')
  const sizes = files.map((file) => sizeOf(file, read(`.changeset/${file}`), names))
  const changes = read('CHANGELOG.md')
  const version = manifests.find(({ name }) => name === 'millpond')?.version ?? ''
  return { folders, names, files, sizes, changes, version, next: nextVersion(changes, version, sizes) }
}

/** @param {string} file */
const read = (file) => readFileSync(join(root, file), 'utf8')

/** @param {ReturnType<typeof state>} now */
function write({ folders, names, files, changes, version, next = version }) {
  for (const folder of [...folders, 'apps/deals', 'bench']) {
    const file = join(root, folder, 'package.json')
    writeFileSync(file, withVersion(readFileSync(file, 'utf8'), names, version, next))
  }
  writeFileSync(join(root, 'CHANGELOG.md'), withSection(changes, next, new Date().toISOString().slice(0, 10)))
  for (const file of files) rmSync(join(root, '.changeset', file))
  return npm(['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund'])
}

/**
 * What is wrong with the tag that a workflow runs for: `v0.2.0` publishes 0.2.0 and nothing else.
 * @param {Readonly<Record<string, string | undefined>>} env
 * @param {string} version
 * @returns {string | undefined} undefined: nothing, or no tag
 */
export function tagFault({ GITHUB_REF_TYPE: type, GITHUB_REF_NAME: tag }, version) {
  if (type !== 'tag' || tag === `v${version}`) return undefined
  return `the tag ${tag} is not v${version}, the version of the packages: run "npm run release -- --version", commit, and push the tag that it names`
}

/** Publishes what `ready` has packed, the library first, since the others depend on it. */
function publish() {
  const fault = tagFault(process.env, state().version)
  if (fault !== undefined) {
    console.error(`release: ${fault}`)
    return false
  }
  if (!run(process.execPath, [join(root, 'scripts', 'ready.mjs')])) return false
  const folder = join(root, '.cache', 'ready')
  const tarballs = readdirSync(folder).sort((a, b) => Number(/^millpond-\d/.test(b)) - Number(/^millpond-\d/.test(a)))
  return tarballs.every((tarball) => npm(['publish', join(folder, tarball), '--access', 'public', '--provenance']))
}

function main() {
  const [asked, ...rest] = process.argv.slice(2)
  if (asked === '--help' || asked === '-h') return console.log(USAGE)
  const odd = rest[0] ?? (asked === undefined || ['--version', '--publish'].includes(asked) ? undefined : asked)
  if (odd !== undefined) {
    console.error(`release: ${JSON.stringify(odd)} is not an option\n\n${USAGE}`)
    process.exitCode = 2
    return
  }
  checkNode()
  if (asked === '--publish') {
    process.exitCode = publish() ? 0 : 1
    return
  }
  const now = state()
  console.log(
    now.next === undefined
      ? `release: ${now.version} is out, and no changeset says what changes: nothing to release`
      : `release: ${now.next} comes next${now.next === now.version ? ', which was not released yet' : ` after ${now.version}`}; ${now.files.length} changesets`,
  )
  if (asked === '--version') process.exitCode = now.next !== undefined && write(now) ? 0 : 1
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) main()

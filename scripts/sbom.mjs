// `npm run sbom`: the dependencies of each published package, as CycloneDX 1.6, from the lock file alone; into
// `.cache/sbom`, or a given folder.
// @ts-check
import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './prepare.mjs'

const USAGE = `npm run sbom -- [FOLDER]

  Writes what each published package brings along, as CycloneDX 1.6, into FOLDER (.cache/sbom).`

/**
 * @typedef {{
 *   version?: string, resolved?: string, integrity?: string, license?: string, link?: boolean,
 *   dependencies?: Record<string, string>, optionalDependencies?: Record<string, string>
 * }} Locked
 */

/**
 * It includes optional packages of all platforms, but not peers, which are the user's choice.
 * @param {Record<string, Locked>} packages of the lock file @param {string} folder such as `packages/millpond` @param
 * {string} name
 */
export function sbomOf(packages, folder, name) {
  /** @type {Map<string, string[]>} */
  const needs = new Map()
  const visit = (/** @type {string} */ path) => {
    if (needs.has(path)) return
    const { dependencies = {}, optionalDependencies = {} } = packages[path] ?? {}
    const found = Object.keys({ ...dependencies, ...optionalDependencies }).map((one) => placeOf(packages, path, one))
    needs.set(path, found)
    for (const one of found) visit(one)
  }
  visit(folder)
  const [, ...others] = needs.keys()
  const own = component(packages, folder, name, 'library')
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${randomUUID()}`,
    version: 1,
    metadata: { component: own },
    components: others.map((path) => component(packages, path, nameOf(packages, path), 'library')),
    dependencies: [...needs].map(([path, of]) => ({
      ref: refOf(packages, path, name),
      dependsOn: of.map((one) => refOf(packages, one, name)),
    })),
  }
}

/**
 * Looks for the name where Node would, from the inside out.
 * @param {Record<string, Locked>} packages
 * @param {string} from
 * @param {string} name
 * @returns {string}
 */
function placeOf(packages, from, name) {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const path = `${at === '' ? '' : `${at}/`}node_modules/${name}`
    const found = packages[path]
    if (found !== undefined) return found.link === true && found.resolved !== undefined ? found.resolved : path
    if (at === '') throw new Error(`package-lock.json has no ${name} for ${from}: run "npm install"`)
  }
}

/** @param {Record<string, Locked>} packages @param {string} path */
const nameOf = (packages, path) =>
  path.includes('node_modules/')
    ? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
    : nameOfWorkspace(packages, path)

/** @param {Record<string, Locked>} packages @param {string} folder */
function nameOfWorkspace(packages, folder) {
  const link = Object.entries(packages).find(([, { link, resolved }]) => link === true && resolved === folder)
  return link?.[0].slice('node_modules/'.length) ?? folder
}

/** @param {Record<string, Locked>} packages @param {string} path */
const refOf = (packages, path, own = '') => purlOf(nameOf(packages, path) || own, packages[path]?.version ?? '')
/** @param {string} name @param {string} version */
const purlOf = (name, version) => `pkg:npm/${name.replace('@', '%40')}@${version}`

/** @param {Record<string, Locked>} packages @param {string} path @param {string} name @param {string} type */
function component(packages, path, name, type) {
  const { version = '', integrity, license } = packages[path] ?? {}
  const [algorithm = '', hash = ''] = integrity?.split('-') ?? []
  const purl = purlOf(name, version)
  return {
    type,
    'bom-ref': purl,
    name,
    version,
    purl,
    ...(license !== undefined && { licenses: [{ expression: license }] }),
    ...(hash !== '' && {
      hashes: [{ alg: algorithm.replace('sha', 'SHA-'), content: Buffer.from(hash, 'base64').toString('hex') }],
    }),
  }
}

/** The packages of others that users of any package here get, according to the lock file. */
export function broughtAlong() {
  /** @type {{ packages: Record<string, Locked> }} */
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const own = new Set(readdirSync(join(root, 'packages')).map((one) => `packages/${one}`))
  const all = [...own].flatMap((folder) => sbomOf(packages, folder, folder).components)
  const ours = new Set([...own].map((folder) => nameOfWorkspace(packages, folder)))
  return [...new Map(all.map(({ purl, name, version }) => [purl, { name, version }])).values()].filter(
    ({ name }) => !ours.has(name),
  )
}

function write() {
  const [given, ...more] = process.argv.slice(2)
  if (given === '--help' || given === '-h') return console.log(USAGE)
  const odd = given?.startsWith('-') ? given : more[0]
  if (odd !== undefined) {
    console.error(`sbom: ${JSON.stringify(odd)} is not an option\n\n${USAGE}`)
    process.exit(2)
  }
  const folder = resolve(root, given ?? join('.cache', 'sbom'))
  mkdirSync(folder, { recursive: true })
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  for (const one of readdirSync(join(root, 'packages'))) {
    const { name } = JSON.parse(readFileSync(join(root, 'packages', one, 'package.json'), 'utf8'))
    const bom = sbomOf(packages, `packages/${one}`, name)
    writeFileSync(join(folder, `${one}.cdx.json`), `${JSON.stringify(bom, null, 2)}\n`)
    console.log(`sbom: ${name}: ${bom.components.length} packages come along`)
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) write()

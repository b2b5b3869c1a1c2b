// `npm run ready`: checks everything that has to be true before publishing: one version, its changes, the repository's
// address, the reviewed API, packages as users get them, and their dependencies.
// @ts-check
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { judgesOf, packageFolders, packInto, tarballsIn } from './packed.mjs'
import { build, checkNode, install, root, run } from './prepare.mjs'

const USAGE = `npm run ready

  Says what is missing before the packages can be published: versions, changes, metadata, the API report (npm run api), publint, attw, and writes an SBOM.`

/**
 * @typedef {{
 *   name: string, version: string, private?: boolean, license?: string, description?: string,
 *   repository?: { url?: string, directory?: string }, publishConfig?: { access?: string, provenance?: boolean },
 *   scripts?: Record<string, string>, dependencies?: Record<string, string>, peerDependencies?: Record<string, string>
 * }} Manifest
 */

/**
 * The faults, a line each.
 * @param {readonly (readonly [folder: string, Manifest])[]} packages
 * @param {string} changes of CHANGELOG.md
 */
export function faultsOf(packages, changes) {
  const versions = new Map(packages.map(([, { name, version }]) => [name, version]))
  const [version = ''] = versions.values()
  const faults = packages.flatMap(([folder, one]) => {
    const of = /** @param {string} what */ (what) => `${folder}/package.json: ${what}`
    const others = Object.entries({ ...one.peerDependencies, ...one.dependencies }).filter(([name]) =>
      versions.has(name),
    )
    return [
      ...(one.private ? [of('is private, so it cannot be published')] : []),
      ...(one.version === version
        ? []
        : [of(`has the version ${one.version}, and others have ${version}: they are released together`)]),
      ...others
        .filter(([, asked]) => asked !== version)
        .map(([name, asked]) => of(`asks for ${name} ${asked}, which is ${version} here`)),
      ...(one.publishConfig?.access === 'public' && one.publishConfig.provenance === true
        ? []
        : [
            of(
              'publishConfig is { "access": "public", "provenance": true }, so that the registry says where a package was built',
            ),
          ]),
      ...(one.repository?.url && one.repository.directory === folder
        ? []
        : [of(`repository has no url, or not the directory "${folder}": provenance is checked against it`)]),
      ...['license', 'description', 'homepage', 'bugs']
        .filter((name) => !Reflect.get(one, name))
        .map((name) => of(`has no ${name}`)),
      ...['preinstall', 'install', 'postinstall']
        .filter((name) => one.scripts?.[name])
        .map((name) => of(`runs ${name} at its users'`)),
    ]
  })
  if (!new RegExp(`^## ${version.replaceAll('.', '\\.')} \\(\\d{4}-\\d{2}-\\d{2}\\)$`, 'm').test(changes))
    faults.push(
      `CHANGELOG.md has no section "## ${version} (${new Date().toISOString().slice(0, 10)})": give Unreleased its number and date`,
    )
  return faults
}

function main() {
  const args = process.argv.slice(2)
  if (args.includes('--help') || args.includes('-h')) return console.log(USAGE)
  if (args.length > 0) {
    console.error(`ready: ${JSON.stringify(args[0])} is not an option\n\n${USAGE}`)
    process.exitCode = 2
    return
  }
  checkNode()
  if (!install() || !build()) process.exit(1)
  /** @type {[string, Manifest][]} */
  const packages = packageFolders().map((folder) => [
    folder,
    JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')),
  ])
  const faults = faultsOf(packages, readFileSync(join(root, 'CHANGELOG.md'), 'utf8'))
  const script = (/** @type {string} */ name, /** @type {string[]} */ ...more) =>
    run(process.execPath, [join(root, 'scripts', name), ...more])
  if (!script('api.mjs', '--check')) faults.push('the API is another than docs/api says')
  const tarballs = join(root, '.cache', 'ready')
  rmSync(tarballs, { recursive: true, force: true })
  mkdirSync(tarballs, { recursive: true })
  const [npm, npmArgs] = packInto(tarballs)
  if (spawnSync(npm, npmArgs, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] }).status !== 0)
    faults.push('packing failed')
  for (const tarball of tarballsIn(tarballs))
    if (!judgesOf(tarball).every(([command, args]) => run(command, args)))
      faults.push(`${basename(tarball)} is not as its users need it`)
  if (!script('sbom.mjs')) faults.push('no SBOM could be written')
  for (const fault of faults) console.error(`ready: ${fault}`)
  console.log(`ready: ${faults.length === 0 ? 'everything is' : `${faults.length} faults`}`)
  process.exitCode = faults.length === 0 ? 0 : 1
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) main()

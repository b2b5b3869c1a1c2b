// Finds or fetches the servers that tests need: from PATH, or else from Debian packages into .cache/servers; needs no
// root and starts nothing.
// @ts-check
import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const cache = join(root, '.cache', 'servers')
const lists = join(cache, '.apt')
const record = join(root, '.cache', 'servers.json')

/**
 * The servers that can be fetched. `npm`: an npm package with its version. `packages`: Debian packages, those with the
 * program first. `versions`: those that the tests are written for. `ask`: how the program is asked for its version, and
 * `code`: the exit code of that.
 * @type {Record<string, {
 *   program: string, packages: string[], ask?: string, code?: number, folders?: () => string[], others?: string[],
 *   versions: RegExp, suites: string, install: string, npm?: string
 * }>}
 */
export const wanted = {
  redis: {
    program: 'redis-server',
    packages: ['redis-server', 'redis-tools'],
    versions: /v=([7-9]|\d\d)\./,
    suites: 'the Redis tier, ledger, bus and failover',
    install: 'apt-get install redis-server, or brew install redis',
  },
  postgres: {
    program: 'postgres',
    packages: ['postgresql-15', 'postgresql-client-15'],
    folders: () => versioned('/usr/lib/postgresql', 'bin'),
    others: ['initdb'],
    versions: /\) (1[4-9]|\d\d)\b/,
    suites: 'everything on PostgreSQL',
    install: 'apt-get install postgresql-15, or brew install postgresql@15',
  },
  memcached: {
    program: 'memcached',
    packages: ['memcached'],
    versions: /1\.[6-9]/,
    suites: 'the Memcached tier',
    install: 'apt-get install memcached, or brew install memcached',
  },
  promtool: {
    program: 'promtool',
    packages: ['prometheus'],
    versions: /version/,
    suites: 'the check of the Prometheus text',
    install: 'apt-get install prometheus, or brew install prometheus',
  },
  chromium: {
    program: 'chromium',
    packages: ['chromium', 'chromium-common'],
    versions: /Chromium \d{3}/,
    suites: 'the dashboard in a browser',
    install: 'apt-get install chromium, or brew install chromium',
  },
  // Besides the Node that runs the tests, for features that only a newer one has.
  node24: {
    program: 'node',
    packages: [],
    npm: 'node@24.21.0',
    versions: /^v2[4-9]\./,
    suites: 'what needs a newer Node (zstd)',
    install: 'npm install node@24.21.0 in a folder of its own, and that first in PATH',
  },
}

/**
 * The load generator and the servers that `npm run bench:http` compares with; no test needs them.
 * @type {typeof wanted}
 */
export const compared = {
  wrk: {
    program: 'wrk',
    packages: ['wrk'],
    code: 1,
    versions: /^wrk /,
    suites: 'the load of bench:http',
    install: 'apt-get install wrk, or brew install wrk',
  },
  nginx: {
    program: 'nginx',
    packages: ['nginx'],
    ask: '-v',
    versions: /nginx\/1\./,
    suites: 'nginx in bench:http',
    install: 'apt-get install nginx',
  },
  varnish: {
    program: 'varnishd',
    packages: ['varnish'],
    ask: '-V',
    versions: /varnish-[6-9]/,
    suites: 'Varnish in bench:http',
    install: 'apt-get install varnish',
  },
}

/**
 * Programs that are used if they are on the PATH, but not fetched: `permitted-absences.json` says why they may be
 * absent.
 * @type {typeof wanted}
 */
export const sought = {
  valkey: {
    program: 'valkey-server',
    packages: [],
    versions: /v=([7-9]|\d\d)\./,
    suites: 'the Redis tier on Valkey',
    install: 'apt-get install valkey-server (Debian 13), or brew install valkey',
  },
}

/**
 * Only these of the wanted servers, for a command that needs no more.
 * @param {readonly string[]} names
 * @returns {typeof wanted}
 */
export const only = (names) => Object.fromEntries(Object.entries(wanted).filter(([name]) => names.includes(name)))

/**
 * Finds or fetches every server and records where it is.
 * @param {{ say?: (line: string) => void, fetch?: boolean, which?: typeof wanted }} [options]
 * @returns {Record<string, { path: string, version: string, libraries?: string }>} what is there; a server that is
 * missing has no entry
 */
export function bringServers({ say = console.log, fetch = true, which = { ...wanted, ...sought } } = {}) {
  const known = recorded()
  /** @type {Record<string, { path: string, version: string, libraries?: string }>} */
  const found = {}
  for (const [name, server] of Object.entries(which)) {
    const before = known[name]
    const ready = (before && probe(server, before.path, before.libraries)) ?? onPath(server) ?? unpacked(name, server)
    if (ready) found[name] = ready
    else if (fetch && (server.npm !== undefined || (server.packages.length > 0 && debian()))) {
      say(`servers: fetching ${server.program} (${server.npm ?? server.packages.join(', ')})`)
      try {
        download(name, server)
      } catch (error) {
        say(`servers: ${server.program} could not be fetched: ${firstLine(error)}`)
      }
      const fetched = unpacked(name, server)
      if (fetched) found[name] = fetched
    }
  }
  rmSync(lists, { recursive: true, force: true })
  mkdirSync(dirname(record), { recursive: true })
  const draft = `${record}.${process.pid}`
  const others = Object.entries(known).filter(([name]) => which[name] === undefined)
  writeFileSync(draft, `${JSON.stringify({ ...Object.fromEntries(others), ...found }, null, 2)}\n`)
  renameSync(draft, record)
  return found
}

/** The last written record, without looking again. */
export function recorded() {
  try {
    return JSON.parse(readFileSync(record, 'utf8'))
  } catch {
    return {}
  }
}

/**
 * The servers that tests can do without, with the reason: nothing else may be absent if `CI` is set.
 * @type {Record<string, string>}
 */
export const permittedAbsences = JSON.parse(readFileSync(new URL('./permitted-absences.json', import.meta.url), 'utf8'))

/** @param {Record<string, unknown>} found @param {typeof wanted} which */
export const missing = (found, which = wanted) => Object.entries(which).filter(([name]) => !found[name])

/** @param {(typeof wanted)[string]} server @returns {ReturnType<typeof probe>} */
function onPath(server) {
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    ...(server.folders?.() ?? []),
    '/usr/sbin',
    '/usr/local/sbin',
  ]
  for (const folder of folders.filter(Boolean)) {
    const found = probe(server, join(folder, server.program))
    if (found) return found
  }
  return undefined
}

/** @param {string} name @param {(typeof wanted)[string]} server */
function unpacked(name, server) {
  const place = join(cache, name)
  const path = findProgram(place, server.program)
  return path === undefined ? undefined : probe(server, path, libraryFolders(place).join(':') || undefined)
}

/**
 * The program's version; undefined if it does not run or is too old.
 * @param {(typeof wanted)[string]} server
 * @param {string} path
 * @param {string} [libraries]
 */
function probe(server, path, libraries) {
  if (!existsSync(path)) return undefined
  if (server.others?.some((other) => !existsSync(join(dirname(path), other)))) return undefined
  const run = spawnSync(path, [server.ask ?? '--version'], {
    encoding: 'utf8',
    env: withLibraries(libraries),
    timeout: 10_000,
  })
  const version = `${run.stdout ?? ''}${run.stderr ?? ''}`.split('\n')[0] ?? ''
  if (run.status !== (server.code ?? 0) || !server.versions.test(version)) return undefined
  return { path, version, ...(libraries === undefined ? {} : { libraries }) }
}

/** The environment that a recorded program runs in. @param {string} [libraries] its own */
export const withLibraries = (libraries) =>
  libraries === undefined
    ? process.env
    : { ...process.env, LD_LIBRARY_PATH: [libraries, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':') }

const debian = () => process.platform === 'linux' && runs('apt-get') && runs('dpkg')
/** @param {string} program */
const runs = (program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0

/**
 * Downloads the packages, then those of the libraries that the program still lacks, and moves everything into place
 * with one rename, so that two runs at a time or a run cut short leave nothing half done.
 * @param {string} name @param {(typeof wanted)[string]} server
 */
function download(name, server) {
  mkdirSync(cache, { recursive: true })
  const draft = mkdtempSync(join(cache, `.${name}-`))
  try {
    const place = join(draft, 'root')
    if (server.npm !== undefined) {
      mkdirSync(place)
      execFileSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', place, server.npm], {
        stdio: 'pipe',
        timeout: 240_000,
      })
    } else fetchAndUnpack(server.packages, draft, place)
    const path = findProgram(place, server.program)
    if (path === undefined) throw new Error(`no ${server.program} in ${server.npm ?? server.packages.join(', ')}`)
    const programs = [server.program, ...(server.others ?? [])].map((one) => join(dirname(path), one))
    /** @type {string[]} */
    const brought = []
    while (server.npm === undefined) {
      const lacking = [...new Set(programs.flatMap((one) => missingLibraries(one, libraryFolders(place))))]
      if (lacking.length === 0) break
      const further = dependencies(server.packages).filter((one) => !brought.includes(one))
      if (further.length === 0)
        throw new Error(`${server.program} needs ${lacking.join(', ')}, in no package known here`)
      const owners = further.filter((one) => lacking.some((library) => ownsLibrary(one, library)))
      // If names no longer tell, everything that it depends on: slow, but correct.
      const next = owners.length > 0 ? owners : further
      fetchAndUnpack(next, draft, place)
      brought.push(...next)
    }
    const target = join(cache, name)
    rmSync(target, { recursive: true, force: true })
    renameSync(place, target)
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

/** @param {string[]} packages @param {string} draft @param {string} place */
function fetchAndUnpack(packages, draft, place) {
  const files = join(draft, `files-${readdirSync(draft).length}`)
  mkdirSync(files)
  try {
    aptGet(['download', ...packages], files)
  } catch (error) {
    // There are no lists yet, or their files are gone: fetches lists of our own; the system's stay as they are.
    if (existsSync(lists)) throw error
    mkdirSync(join(lists, 'lists', 'partial'), { recursive: true })
    mkdirSync(join(lists, 'archives', 'partial'), { recursive: true })
    aptGet(['update', '-q'], files)
    aptGet(['download', ...packages], files)
  }
  mkdirSync(place, { recursive: true })
  for (const file of readdirSync(files).filter((one) => one.endsWith('.deb')))
    execFileSync('dpkg', ['-x', join(files, file), place], { stdio: 'pipe' })
}

/** @param {string[]} args @param {string} cwd */
const aptGet = (args, cwd) =>
  execFileSync('apt-get', [...args, ...ownLists()], { cwd, stdio: 'pipe', timeout: 240_000 })
const ownLists = () => [
  ...['-o', 'APT::Sandbox::User=', '-o', 'Acquire::Retries=2', '-o', 'Debug::NoLocking=1'],
  ...(existsSync(lists)
    ? ['-o', `Dir::State::lists=${join(lists, 'lists')}`, '-o', `Dir::Cache=${join(lists, 'archives')}`]
    : []),
]

/** Shared libraries that neither the system nor the folders have. @param {string} path @param {string[]} folders */
function missingLibraries(path, folders) {
  const listed = spawnSync('ldd', [path], { encoding: 'utf8', env: withLibraries(folders.join(':') || undefined) })
  return [...(listed.stdout ?? '').matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1] ?? '')
}

/**
 * Library packages that the packages depend on, transitively, without those that the system has.
 * @param {string[]} packages
 */
function dependencies(packages) {
  const args = [
    'depends',
    '--recurse',
    '--no-recommends',
    '--no-suggests',
    '--no-conflicts',
    '--no-breaks',
    '--no-replaces',
    '--no-enhances',
  ]
  const text = execFileSync('apt-cache', [...args, ...ownLists(), ...packages], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const installed = new Set(
    spawnSync('dpkg-query', ['-W', '-f', `\${Package}\\n`], { encoding: 'utf8' }).stdout.split('\n'),
  )
  const needed = new Set([...text.matchAll(/Depends: (lib[^\s<>:]+)/g)].map((match) => match[1] ?? ''))
  return [...needed].filter((one) => !installed.has(one))
}

/**
 * Debian names a library's package after its soname: libevent-2.1.so.7 is in libevent-2.1-7.
 * @param {string} owner
 * @param {string} library
 */
export function ownsLibrary(owner, library) {
  const [, name = '', number = ''] = /^(.+)\.so\.(\d+)/.exec(library) ?? []
  const stem = name.toLowerCase().replaceAll('_', '-')
  const usual = [`${stem}${number}`, `${stem}-${number}`, stem, ...(ODD[stem]?.(number) ?? [])]
  return stem !== '' && usual.includes(owner.replace(/t64$/, ''))
}

/** Libraries that are in a package of another name. @type {Record<string, (number: string) => string[]>} */
const ODD = {
  libvorbis: (number) => [`libvorbis${number}a`],
  libcrypto: (number) => [`libssl${number}`],
  liblber: (number) => [`libldap${number}`],
  'liblber-2.5': (number) => [`libldap-2.5-${number}`],
  libpam: (number) => [`libpam${number}g`],
  libicuuc: (number) => [`libicu${number}`],
  libicui18n: (number) => [`libicu${number}`],
  libicudata: (number) => [`libicu${number}`],
}

/**
 * Where the dynamic linker finds what was unpacked; a library may keep its parts in a folder of its own below
 * (`pulseaudio`).
 * @param {string} place
 */
function libraryFolders(place) {
  const folders = ['usr/lib', 'lib'].flatMap((one) => {
    const folder = join(place, one)
    const ofMachine = list(folder)
      .filter((name) => name.endsWith('-gnu') || name.includes('-linux-'))
      .map((name) => join(folder, name))
    return [folder, ...ofMachine, ...ofMachine.flatMap((machine) => list(machine).map((name) => join(machine, name)))]
  })
  return folders.filter((folder) => list(folder).some((name) => name.includes('.so')))
}

/** @param {string} place @param {string} program */
function findProgram(place, program) {
  // Debian's usr/bin/chromium is a script that works in one place only.
  const folders = ['usr/lib/chromium', 'usr/bin', 'usr/sbin', 'bin', 'node_modules/node/bin'].map((folder) =>
    join(place, folder),
  )
  return [...versioned(join(place, 'usr/lib/postgresql'), 'bin'), ...folders]
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path))
}

/** @param {string} folder @param {string} inside */
const versioned = (folder, inside) =>
  list(folder)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(folder, version, inside))
/** @param {string} folder */
const list = (folder) => (statSync(folder, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(folder) : [])
/** @param {unknown} error */
const firstLine = (error) => {
  const { stderr, message } = /** @type {{ stderr?: Buffer, message?: string }} */ (error)
  const lines = `${stderr ?? ''}\n${message ?? error}`.split('\n').filter(Boolean)
  return lines.find((line) => line.startsWith('E:')) ?? lines[0] ?? 'unknown'
}

/** @param {ReturnType<typeof bringServers>} found @param {typeof wanted} which */
function announce(found, which) {
  for (const [name, { path, version }] of Object.entries(found)) {
    console.log(`servers: ${name} ${relative(root, path).startsWith('..') ? path : relative(root, path)} (${version})`)
  }
  for (const [, { program, suites, install }] of missing(found, which))
    console.log(`servers: no ${program}, so ${suites} cannot be tested. To have it: ${install}`)
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const which = process.argv.includes('--compared') ? compared : wanted
  const found = bringServers(which === wanted ? {} : { which })
  if (!process.argv.includes('--quiet')) announce(found, which)
  process.exitCode = process.env.CI && missing(found, which).length > 0 ? 1 : 0
}

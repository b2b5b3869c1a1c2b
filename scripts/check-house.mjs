// Checks of the repository as a whole: no machine's paths and no registry host in tracked files, a complete lock file,
// comments within 120 columns, and nothing public that docs/api does not list or that has no docstring.
// @ts-check
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { apiFaults } from './api.mjs'
import { root } from './prepare.mjs'

/** Folder names that a checkout may be in and that reveal nothing about a machine. */
const PLAIN = [
  '',
  'app',
  'build',
  'builds',
  'code',
  'data',
  'home',
  'mnt',
  'opt',
  'repo',
  'root',
  'src',
  'srv',
  'tmp',
  'usr',
  'var',
  'Users',
  'workspace',
]

/**
 * Patterns of paths that only one machine has. A folder right below the root is recognized by its contents: `/api`
 * alone may also be a URL path.
 * @param {string} checkout @param {string} home @param {(folder: string) => readonly string[]} [list]
 */
export function machinePaths(checkout, home, list = namesIn) {
  const project = checkout.replace(/[\\/]+$/, '')
  const parent = dirname(project)
  const own = [project, parent, home].filter((path) =>
    path
      .split(sep)
      .filter(Boolean)
      .some((part) => !PLAIN.includes(part)),
  )
  // Written in parts, so that this file does not find itself.
  const general = ['home', 'Users'].map((folder) => `/${folder}/[\\w.-]+/`).concat(`/${'root'}/`, `/${'tmp'}/`)
  const isShort = (/** @type {string} */ path) => dirname(dirname(path)) === dirname(path)
  return [...new Set(own)]
    .flatMap((path) => (isShort(path) ? list(path).map((name) => join(path, name)) : path))
    .map((path) => new RegExp(`(?<![\\w.~-])${escaped(path)}(?![\\w-])`))
    .concat(general.map((path) => new RegExp(`(?<![\\w.~*$}-])${path}`)))
}

/** @param {string} folder */
function namesIn(folder) {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/**
 * @param {string} text
 * @param {readonly RegExp[]} patterns
 * @returns {string[]} the lines that say too much, as `12: what`
 */
export function telltales(text, patterns) {
  return text.split('\n').flatMap((line, index) => {
    const found = patterns.map((pattern) => pattern.exec(line)?.[0]).find((one) => one !== undefined)
    return found === undefined ? [] : [`${index + 1}: ${found}`]
  })
}

const COMMENT = /^\s*(?:\/\/|\/\*|\*(?!\/))/
/** Strings and regular expressions, in which `//` begins no comment. */
const LITERAL = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|\/(?![*/])(?:[^/\\\n]|\\.)+\/[a-z]*/g
const WIDTH = 120

/**
 * The formatter breaks code, but not comments. A long message stays on its line, where a search finds it.
 * @param {string} source
 * @returns {string[]} the comment lines that are too long, and lines made too long by a comment at their end, as `12: a
 * comment of 134 columns`
 */
export function longComments(source) {
  return source.split('\n').flatMap((line, index) => {
    if (line.length <= WIDTH) return []
    if (COMMENT.test(line)) return [`${index + 1}: a comment of ${line.length} columns, of ${WIDTH} at most`]
    if (!/\s\/\/\s/.test(line.replace(LITERAL, "''"))) return []
    return [`${index + 1}: ${line.length} columns with the comment at its end, of ${WIDTH} at most: put it above`]
  })
}

/**
 * Faults of a lock file: addresses of a registry, and optional packages of other platforms left out (`npm ci` refuses
 * such a file).
 * @param {{ packages: Record<string, { version?: string, resolved?: string, optionalDependencies?: Record<string,
 * string> }> }} lock
 */
export function lockFaults({ packages }) {
  const addresses = Object.entries(packages).flatMap(([path, { resolved }]) =>
    resolved?.includes('://') ? [`${path} names ${new URL(resolved).host}`] : [],
  )
  const holes = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).flatMap((name) =>
      isLocked(packages, path, name) ? [] : [`${path} lacks its optional ${name}`],
    ),
  )
  return [...addresses, ...holes]
}

/**
 * Looks for the name where Node does, from the inside out.
 * @param {Record<string, unknown>} packages
 * @param {string} from
 * @param {string} name
 * @returns {boolean}
 */
function isLocked(packages, from, name) {
  if (`${from === '' ? '' : `${from}/`}node_modules/${name}` in packages) return true
  if (from === '') return false
  const cut = from.lastIndexOf('/node_modules/')
  return isLocked(packages, cut < 0 ? '' : from.slice(0, cut), name)
}

/** Patterns of the registry hosts that npm is configured to use. */
function registryHosts() {
  const { stdout } = spawnSync('npm', ['config', 'get', 'registry'], { cwd: root, encoding: 'utf8' })
  return registryPatterns(stdout?.trim() ?? '')
}

/**
 * The public registry may be named, localhost is the same everywhere, and a host of a single word could be any word.
 * @param {string} url
 */
export function registryPatterns(url) {
  if (!URL.canParse(url)) return []
  const { host, hostname } = new URL(url)
  const isCommon =
    hostname === 'registry.npmjs.org' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname) || /^[\w-]*$/.test(host)
  return isCommon ? [] : [new RegExp(`(?<![\\w-])${escaped(host)}(?![\\w-])`)]
}

/** @param {string} text */
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

function check() {
  const listed = spawnSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' })
  const files = listed.status === 0 ? listed.stdout.split('\0').filter(Boolean) : []
  if (files.length === 0) console.log('house: no git here, so only the lock file is checked')
  const patterns = [...machinePaths(root, homedir()), ...registryHosts()]
  const faults = files.flatMap((file) => telltales(read(file), patterns).map((line) => `${file}:${line}`))
  for (const file of files.filter((name) => /\.(?:[cm]?[jt]s|tsx)$/.test(name)))
    faults.push(...longComments(read(file)).map((line) => `${file}:${line}`))
  for (const lock of ['package-lock.json', 'docs/site/package-lock.json'])
    faults.push(...lockFaults(JSON.parse(read(lock))).map((fault) => `${lock}: ${fault}`))
  faults.push(...apiFaults())
  for (const fault of faults) console.error(`house: ${fault}`)
  return faults.length === 0
}

/** @param {string} file */
function read(file) {
  try {
    const bytes = readFileSync(join(root, file))
    return bytes.subarray(0, 8_000).includes(0) ? '' : bytes.toString()
  } catch {
    // Removed, but not yet committed.
    return ''
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) process.exitCode = check() ? 0 : 1

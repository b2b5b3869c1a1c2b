// Compiles the library and its tests to plain JavaScript for child processes, which run on any Node without a loader.
// A patch changes the copy, never the source: that is how defects are planted.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const require = createRequire(import.meta.url)
const PACKAGE = fileURLToPath(new URL('../..', import.meta.url))
const CACHE = join(PACKAGE, '.cache', 'histories')
/**
 * Single files, by what they are made from: a copy with a defect differs in one or two, and each test process would
 * compile all the others.
 */
const FILES = join(PACKAGE, '.cache', 'compiled', require('typescript/package.json').version)
const FOLDERS = ['src', 'test/histories', 'test/services']
const KEEP_MS = 3_600_000
const KEEP_FILES_MS = 24 * KEEP_MS

/**
 * @typedef {object} Patch
 * @property {string} file Path within the package, `src/engine/read.ts`.
 * @property {string} find Must be there exactly once, in any layout.
 * @property {string} replace
 */

/**
 * Answers the folder of the copy of this package. Made once per content and patches; `find` that does not match exactly
 * once throws.
 * @param {readonly Patch[]} [patches]
 * @returns {string}
 */
export function compile(patches = []) {
  const sources = FOLDERS.flatMap((folder) => listSources(join(PACKAGE, folder)))
  const texts = new Map(sources.map((path) => [relative(PACKAGE, path), readFileSync(path, 'utf8')]))
  for (const patch of patches) applyPatch(texts, patch)
  const hash = createHash('sha256')
  for (const [path, text] of texts) hash.update(path).update('\0').update(text).update('\0')
  const target = join(CACHE, hash.digest('hex').slice(0, 16))
  const copy = join(target, 'packages/millpond')
  if (existsSync(target)) {
    utimesSync(target, new Date(), new Date())
    return copy
  }
  mkdirSync(CACHE, { recursive: true })
  forgetOld(CACHE, KEEP_MS)
  if (existsSync(FILES)) forgetOld(FILES, KEEP_FILES_MS)
  compileAtOnce(texts)
  const draft = mkdtempSync(join(CACHE, 'draft-'))
  writeFileSync(join(draft, 'package.json'), '{ "type": "module" }\n')
  // What knows its own place in the repository stays where it is.
  mkdirSync(join(draft, 'scripts'))
  const servers = pathToFileURL(join(PACKAGE, '../../scripts/servers.mjs')).href
  writeFileSync(join(draft, 'scripts/servers.mjs'), `export * from ${JSON.stringify(servers)}\n`)
  for (const [path, text] of texts) {
    const out = join(draft, 'packages/millpond', path.replace(/\.ts$/, '.js'))
    mkdirSync(dirname(out), { recursive: true })
    if (path.endsWith('.ts')) linkSync(compiled(path, text), out)
    else writeFileSync(out, text)
  }
  try {
    renameSync(draft, target)
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    // Somebody else was as quick.
    if (!existsSync(target)) throw error
  }
  return copy
}

/** @param {string} folder @returns {string[]} */
function listSources(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ts|mjs|lua|sql)$/.test(entry.name) && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

/** @param {Map<string, string>} texts @param {Patch} patch */
function applyPatch(texts, { file, find, replace }) {
  const text = texts.get(file)
  if (text === undefined) throw new Error(`there is no ${file} to patch`)
  const pattern = anyLayout(find)
  const matches = text.match(pattern)?.length ?? 0
  if (matches !== 1) throw new Error(`the patch of ${file} must match once and matches ${matches} times: ${find}`)
  texts.set(
    file,
    text.replace(pattern, () => replace),
  )
}

/**
 * Matches the text however it is laid out: a formatter may break a line anywhere, and then adds a comma before a
 * bracket.
 * @param {string} text
 */
function anyLayout(text) {
  const tokens = text.replace(/\s+/g, '').replace(/,([)\]}])/g, '$1')
  const parts = [...tokens].map((char) => char.replace(/[$()*+./?[\\\]^{|}]/, '\\$&').replace(/^\\[)\]}]$/, ',?\\s*$&'))
  return new RegExp(parts.join('\\s*'), 'g')
}

const OPTIONS = { verbatimModuleSyntax: true, rewriteRelativeImportExtensions: true }

/** Where single files are kept. @param {string} text */
const keptAt = (text) =>
  join(FILES, `${createHash('sha256').update(JSON.stringify(OPTIONS)).update(text).digest('hex')}.js`)

/** Answers the file that the text was compiled to. @param {string} path @param {string} text */
function compiled(path, text) {
  const kept = keptAt(text)
  if (!existsSync(kept)) keep(kept, transpile(path, text))
  return kept
}

/**
 * The compiler takes half a second to load, and only a planted defect needs it.
 * @param {string} path
 * @param {string} text
 * @returns {string}
 */
function transpile(path, text) {
  /** @type {typeof import('typescript')} */
  const ts = require('typescript')
  const compilerOptions = { ...OPTIONS, target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext }
  return ts.transpileModule(text, { fileName: path, compilerOptions }).outputText
}

/**
 * Beside its place and then into it: another process may be about to read it.
 * @param {string} kept
 * @param {string} after
 */
function keep(kept, after) {
  mkdirSync(FILES, { recursive: true })
  writeFileSync(`${kept}.${process.pid}`, after)
  renameSync(`${kept}.${process.pid}`, kept)
}

/** From as many files as that a process of its own is worth its start. */
const AT_ONCE = 20

/**
 * In a fresh checkout nothing is kept yet, and the compiler in machine code needs a fifth of the time for all of it.
 * @param {ReadonlyMap<string, string>} texts
 */
function compileAtOnce(texts) {
  const fresh = [...texts].filter(([path, text]) => path.endsWith('.ts') && !existsSync(keptAt(text)))
  if (fresh.length < AT_ONCE) return
  const folder = mkdtempSync(join(CACHE, 'at-once-'))
  for (const [path, text] of fresh) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  const compilerOptions = {
    ...OPTIONS,
    ...{ target: 'es2023', module: 'esnext', moduleResolution: 'bundler' },
    ...{ noCheck: true, lib: ['es2023'], noResolve: true, types: [], rootDir: '.', outDir: 'out' },
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: fresh.map(([path]) => path) }))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
  const compiler = require.resolve('typescript-native/package.json').replace('package.json', 'bin/tsc')
  const { status, stdout, stderr } = spawnSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the copy could not be compiled: ${stdout}${stderr}`)
  for (const [path, text] of fresh)
    keep(keptAt(text), readFileSync(join(folder, 'out', path.replace(/\.ts$/, '.js')), 'utf8'))
  rmSync(folder, { recursive: true, force: true })
}

/** @param {string} folder @param {number} keepMs */
function forgetOld(folder, keepMs) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    // Somebody else may have cleared it away, or put it into its place.
    const mtimeMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs
    if (mtimeMs !== undefined && Date.now() - mtimeMs > keepMs) rmSync(path, { recursive: true, force: true })
  }
}

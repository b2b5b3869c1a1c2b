// `npm run api`: writes what can be imported from each package, with its types but without docstrings, into docs/api.
// `-- --check` writes nothing, and exits with 1 if docs/api differs, or if something public has no docstring. Made from
// the built declarations: read its changes as a user would.
// @ts-check
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import ts from 'typescript'
import { root } from './prepare.mjs'

const USAGE = `npm run api -- [--check]

  Writes what can be imported, with its types, into docs/api.
  --check   writes nothing, and fails where it is another than what stands there, or where something public has no words`

/** @typedef {{ subpath: string, file: string }} Entry */

/**
 * The report of a package: a heading for each subpath with what it exports by name, and one for the types that these
 * are made of and that cannot be imported by name. Constructors are left out, and classes that only the library
 * constructs.
 * @param {readonly Entry[]} entries declarations @param {ts.Program} [program] in which they are
 */
export function apiReport(entries, program = programOf(entries.map(({ file }) => file))) {
  const checker = program.getTypeChecker()
  const printer = ts.createPrinter({ removeComments: true })
  const print = (/** @type {ts.Symbol} */ symbol) =>
    declarationsOf(symbol)
      .map((one) => printer.printNode(ts.EmitHint.Unspecified, one, one.getSourceFile()))
      .join('\n')
  /** @type {Map<ts.Symbol, string>} */
  const seen = new Map()
  const sections = entries.map((entry) => {
    const { subpath } = entry
    const lines = exportsOf(entry, program)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, symbol }) => {
        const before = seen.get(symbol)
        if (before !== undefined) return `${name} = ${before}`
        seen.set(symbol, `${subpath} ${name}`)
        return print(symbol)
      })
    return `## ${subpath}\n\n${lines.join('\n\n')}\n`
  })
  const own = dirname(program.getSourceFile(entries[0]?.file ?? '')?.fileName ?? '')
  const behind = [...namedBy([...seen.keys()], checker, own)].filter((symbol) => !seen.has(symbol)).map(print)
  if (behind.length > 0) sections.push(`## What these are made of\n\n${behind.sort().join('\n\n')}\n`)
  return sections.join('\n')
}

/** @param {Entry} entry @param {ts.Program} program */
function exportsOf({ file }, program) {
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(file)
  const module = source && checker.getSymbolAtLocation(source)
  if (!module) throw new Error(`${file} exports nothing: build first ("npm run check")`)
  return checker.getExportsOfModule(module).map((one) => ({ name: one.name, symbol: targetOf(one, checker) }))
}

/** @param {ts.Symbol} symbol @param {ts.TypeChecker} checker */
const targetOf = (symbol, checker) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol)

/** Types of another library, which documents their members. */
const ELSEWHERE = ['RedisClientOptions', 'StandardSchema']

/**
 * What has no docstring and needs one: classes, functions and constants, every member of every type, and in `millpond`
 * itself every type. A member with one possible value (`kind: 'hit'`) says what it is.
 * @param {readonly Entry[]} entries @param {ts.Program} [program]
 */
export function wordless(entries, program = programOf(entries.map(({ file }) => file))) {
  const checker = program.getTypeChecker()
  const hasWords = (/** @type {ts.Symbol} */ symbol) => symbol.getDocumentationComment(checker).length > 0
  const faults = entries.flatMap((entry) =>
    exportsOf(entry, program).flatMap(({ name, symbol }) => {
      const isType = symbol.declarations?.every(
        (one) => ts.isInterfaceDeclaration(one) || ts.isTypeAliasDeclaration(one),
      )
      const lacking = hasWords(symbol) || (isType && entry.subpath !== 'millpond') ? [] : [name]
      if (ELSEWHERE.includes(name)) return lacking
      const members = [...(symbol.members ?? [])].filter(([, one]) => isPublicMember(one) && !hasWords(one))
      return [...lacking, ...members.map(([member]) => `${name}.${member}`)]
    }),
  )
  return [...new Set(faults)]
}

/** @param {ts.Symbol} member */
function isPublicMember({ flags, declarations = [] }) {
  if (!(flags & (ts.SymbolFlags.Property | ts.SymbolFlags.Method | ts.SymbolFlags.Accessor))) return false
  return !declarations.some(
    (one) =>
      ts.getCombinedModifierFlags(one) & ts.ModifierFlags.Private ||
      (ts.isPropertySignature(one) && one.type !== undefined && ts.isLiteralTypeNode(one.type)) ||
      (ts.isPropertyDeclaration(one) && ts.isPrivateIdentifier(one.name)),
  )
}

/**
 * The types in a folder that the declarations refer to, directly or through each other.
 * @param {readonly ts.Symbol[]} symbols @param {ts.TypeChecker} checker @param {string} folder
 */
function namedBy(symbols, checker, folder) {
  const isType = (/** @type {ts.Node} */ one) =>
    (ts.isInterfaceDeclaration(one) || ts.isTypeAliasDeclaration(one)) &&
    ts.isSourceFile(one.parent) &&
    one.getSourceFile().fileName.startsWith(`${folder}/`)
  const found = new Set(symbols)
  const visit = (/** @type {ts.Node} */ node) => {
    if (ts.isConstructorDeclaration(node)) return
    const symbol = ts.isIdentifier(node) ? checker.getSymbolAtLocation(node) : undefined
    if (symbol !== undefined) {
      const to = targetOf(symbol, checker)
      if (declarationsOf(to).some(isType)) found.add(to)
    }
    ts.forEachChild(node, visit)
  }
  // The set grows while it is iterated, and the loop reaches the new elements too.
  for (const symbol of found) for (const one of declarationsOf(symbol)) visit(one)
  return found
}

/** @param {ts.Symbol} symbol */
const declarationsOf = (symbol) =>
  (symbol.declarations ?? [])
    .filter((one) => !ts.isSourceFile(one))
    .map((one) => (ts.isVariableDeclaration(one) ? one.parent.parent : one))

/**
 * Reads neither the declarations of the language nor those of other packages: only names are needed.
 * @param {readonly string[]} files
 */
function programOf(files) {
  /** @type {ts.CompilerOptions} */
  const options = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    noLib: true,
    types: [],
    noEmit: true,
  }
  const host = ts.createCompilerHost(options)
  host.resolveModuleNameLiterals = (literals, from) =>
    literals.map(({ text }) =>
      /^(\.|@?millpond\b)/.test(text)
        ? ts.resolveModuleName(text, from, options, host, undefined, undefined, ts.ModuleKind.ESNext)
        : { resolvedModule: undefined },
    )
  return ts.createProgram([...files], options, host)
}

/** @param {string} folder a package */
export function entriesOf(folder) {
  /** @type {{ name: string, exports?: Record<string, string | { types?: string }> }} */
  const { name, exports = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return Object.entries(exports).flatMap(([subpath, to]) =>
    typeof to === 'object' && to.types !== undefined
      ? [{ subpath: join(name, subpath), file: join(folder, to.types) }]
      : [],
  )
}

function packages() {
  const all = readdirSync(join(root, 'packages')).map((one) => ({
    one,
    entries: entriesOf(join(root, 'packages', one)),
  }))
  return { all, program: programOf(all.flatMap(({ entries }) => entries.map(({ file }) => file))) }
}

/** The names of everything that can be imported from any of the packages. Needs the build output. */
export function publicNames() {
  const { all, program } = packages()
  return [
    ...new Set(
      all.flatMap(({ entries }) => entries.flatMap((entry) => exportsOf(entry, program).map(({ name }) => name))),
    ),
  ]
}

const REPORTS = join(root, 'docs', 'api')
/** @param {string} one @param {readonly Entry[]} entries @param {ts.Program} program */
const reportOf = (one, entries, program) => ({
  file: join(REPORTS, `${one}.txt`),
  report: `What can be imported, written by "npm run api".\n\n${apiReport(entries, program)}`,
})

/** Exports that docs/api does not list, and those without a docstring. Needs the build output. */
export function apiFaults() {
  const { all, program } = packages()
  return all.flatMap(({ one, entries }) => {
    const { file, report } = reportOf(one, entries, program)
    const changed =
      read(file) === report
        ? []
        : [
            `packages/${one} exports something else than docs/api/${one}.txt says: run "npm run api", look at the difference, and name it in CHANGELOG.md`,
          ]
    return [
      ...changed,
      ...wordless(entries, program).map((name) => `packages/${one}: ${name} has no words: say what it is`),
    ]
  })
}

function write() {
  const { all, program } = packages()
  mkdirSync(REPORTS, { recursive: true })
  for (const { one, entries } of all) {
    const { file, report } = reportOf(one, entries, program)
    writeFileSync(file, report)
  }
}

/** @param {string} file */
function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const args = process.argv.slice(2)
  const odd = args.find((arg) => arg !== '--check')
  if (args.includes('--help') || args.includes('-h')) {
    console.log(USAGE)
    process.exit(0)
  }
  if (odd !== undefined) {
    console.error(`api: ${JSON.stringify(odd)} is not an option\n\n${USAGE}`)
    process.exit(2)
  }
  const faults = args.includes('--check') ? apiFaults() : write()
  for (const fault of faults ?? []) console.error(`api: ${fault}`)
  process.exitCode = faults?.length ? 1 : 0
}

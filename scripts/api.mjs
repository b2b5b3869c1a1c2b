// `npm run api`: what can be imported from each package, with its types and without its words, into docs/api; `-- --check` writes nothing and ends with 1 where that is another
// than what stands there. Made from the built declarations: run it before a release, and look at what it changes as a user would.
// @ts-check
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import ts from 'typescript'
import { root } from './prepare.mjs'

const USAGE = `npm run api -- [--check]

  Writes what can be imported, with its types, into docs/api.
  --check   writes nothing, and fails where it is another than what stands there`

/**
 * The report of a package: a heading for each subpath, and what it exports by name.
 * @param {readonly { subpath: string, file: string }[]} entries declarations
 */
export function apiReport(entries) {
  const program = ts.createProgram(
    entries.map(({ file }) => file),
    {
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      target: ts.ScriptTarget.ES2023,
      skipLibCheck: true,
      noEmit: true,
    },
  )
  const checker = program.getTypeChecker()
  const printer = ts.createPrinter({ removeComments: true })
  /** @type {Map<ts.Symbol, string>} */
  const seen = new Map()
  const sections = entries.map(({ subpath, file }) => {
    const source = program.getSourceFile(file)
    const module = source && checker.getSymbolAtLocation(source)
    if (!source || !module) throw new Error(`${file} exports nothing: build first ("npm run check")`)
    const lines = checker
      .getExportsOfModule(module)
      .map((exported) => ({
        name: exported.name,
        symbol: exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported,
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, symbol }) => {
        const before = seen.get(symbol)
        if (before !== undefined) return `${name} = ${before}`
        seen.set(symbol, `${subpath} ${name}`)
        return (symbol.declarations ?? [])
          .map((one) => (ts.isVariableDeclaration(one) ? one.parent.parent : one))
          .map((one) => printer.printNode(ts.EmitHint.Unspecified, one, one.getSourceFile()))
          .join('\n')
      })
    return `## ${subpath}\n\n${lines.join('\n\n')}\n`
  })
  return sections.join('\n')
}

/** @param {string} folder a package */
export function entriesOf(folder) {
  /** @type {{ name: string, exports?: Record<string, string | { types?: string }> }} */
  const { name, exports = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return Object.entries(exports).flatMap(([subpath, to]) =>
    typeof to === 'object' && to.types !== undefined ? [{ subpath: join(name, subpath), file: join(folder, to.types) }] : [],
  )
}

/** @param {boolean} isCheck @returns {string[]} files that are not as they should be */
export function reports(isCheck) {
  const to = join(root, 'docs', 'api')
  mkdirSync(to, { recursive: true })
  return readdirSync(join(root, 'packages')).filter((one) => {
    const file = join(to, `${one}.txt`)
    const report = `What can be imported, written by "npm run api".\n\n${apiReport(entriesOf(join(root, 'packages', one)))}`
    if (isCheck) return read(file) !== report
    writeFileSync(file, report)
    return false
  })
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
  const changed = reports(args.includes('--check'))
  for (const one of changed)
    console.error(
      `api: packages/${one} exports something else than docs/api/${one}.txt says: run "npm run api", look at the difference, and name it in CHANGELOG.md`,
    )
  process.exitCode = changed.length > 0 ? 1 : 0
}

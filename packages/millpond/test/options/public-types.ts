// The options types of all entry points of all packages, as the compiler sees them: which options there are, and which
// garbage is none of an option's type.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import type { GARBAGE } from './garbage.ts'

export interface OptionType {
  /** `./jobs JobsOptions`; of another package than the library, `control ./agent AttachOptions`. */
  readonly id: string
  readonly options: readonly {
    readonly name: string
    readonly wrong: readonly (keyof typeof GARBAGE)[]
    readonly takesNumbers: boolean
    readonly takesTexts: boolean
    /** It may be left out, and the compiler takes `undefined` for that under `exactOptionalPropertyTypes` too. */
    readonly isOptional: boolean
    readonly takesUndefined: boolean
  }[]
}

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
const PACKAGES = ['millpond', 'cdn', 'control', 'dashboard', 'proxy'] as const
const OPTIONS = /Options$/

/** @param others further types that are options by another name. */
export function publicOptionTypes(others: ReadonlySet<string>): OptionType[] {
  const entries = PACKAGES.flatMap(entriesOf)
  const garbageFile = fileURLToPath(new URL('./garbage.ts', import.meta.url))
  const { config } = ts.readConfigFile(`${ROOT}tsconfig.base.json`, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(
    { compilerOptions: config.compilerOptions, files: [] },
    ts.sys,
    ROOT,
  )
  const program = ts.createProgram([...entries.map(({ file }) => file), garbageFile], {
    ...options,
    noEmit: true,
    jsx: ts.JsxEmit.ReactJSX,
    composite: false,
    incremental: false,
    // Thousands of files that stand in no public type: left out, they are what they are there, nothing.
    paths: { '@aws-sdk/*': ['./nowhere'] },
  })
  const checker = program.getTypeChecker()
  const exportsOf = (file: string): ts.Symbol[] => {
    const source = program.getSourceFile(file)
    const module = source && checker.getSymbolAtLocation(source)
    if (module === undefined) throw new Error(`${file}: is not a module`)
    return checker.getExportsOfModule(module)
  }
  const garbage = typeOfConst(checker, exportsOf(garbageFile), 'GARBAGE')
  const numbers = checker.getNumberType()
  const texts = checker.getStringType()
  const seen = new Set<ts.Symbol>()
  return entries.flatMap(({ entry, file }) =>
    exportsOf(file).flatMap((symbol): OptionType[] => {
      const real = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
      const id = `${entry} ${symbol.name}`
      if (!(real.flags & (ts.SymbolFlags.Interface | ts.SymbolFlags.TypeAlias)) || seen.has(real)) return []
      if (!OPTIONS.test(symbol.name) && !others.has(id)) return []
      seen.add(real)
      const properties = checker.getDeclaredTypeOfSymbol(real).getProperties()
      return [
        {
          id,
          options: properties.map((property) => {
            const type = checker.getTypeOfSymbol(property)
            const takes = (other: ts.Type): boolean => checker.isTypeAssignableTo(other, type)
            return {
              name: property.name,
              wrong: garbage.filter(([, one]) => !takes(one)).map(([name]) => name),
              takesNumbers: takes(numbers) && !takes(checker.getESSymbolType()),
              takesTexts: takes(texts) && !takes(checker.getESSymbolType()),
              isOptional: (property.flags & ts.SymbolFlags.Optional) !== 0,
              takesUndefined: saysUndefined(checker, property),
            }
          }),
        },
      ]
    }),
  )
}

/** As it is written: what may be left out takes `undefined` to the checker in any case. */
function saysUndefined(checker: ts.TypeChecker, property: ts.Symbol): boolean {
  const written = property.declarations?.find(ts.isPropertySignature)?.type
  if (written === undefined) return true
  const type = checker.getTypeFromTypeNode(written)
  const parts = type.isUnion() ? type.types : [type]
  return parts.some(({ flags }) => (flags & (ts.TypeFlags.Undefined | ts.TypeFlags.Unknown | ts.TypeFlags.Any)) !== 0)
}

function entriesOf(name: string): { entry: string; file: string }[] {
  const folder = `${ROOT}packages/${name}/`
  const { exports }: { exports: Record<string, { types?: string }> } = JSON.parse(
    readFileSync(`${folder}package.json`, 'utf8'),
  )
  return Object.entries(exports).flatMap(([entry, { types }]) => {
    if (types === undefined) return []
    const file = folder + types.replace('dist/', 'src/').replace(/\.d\.ts$/, '.ts')
    // What a build writes of something else (the text of a style sheet) has no source, and no options.
    if (!existsSync(file)) return []
    return [{ entry: name === 'millpond' ? entry : `${name} ${entry}`, file }]
  })
}

function typeOfConst(
  checker: ts.TypeChecker,
  symbols: readonly ts.Symbol[],
  name: string,
): [keyof typeof GARBAGE, ts.Type][] {
  const symbol = symbols.find((one) => one.name === name)
  if (symbol === undefined) throw new Error(`${name} is not exported`)
  return checker
    .getTypeOfSymbol(symbol)
    .getProperties()
    .map((one) => [one.name as keyof typeof GARBAGE, checker.getTypeOfSymbol(one)])
}

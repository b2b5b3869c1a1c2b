// `npm run examples`: the examples of the guide on the packages as they are packed, installed in an empty folder: what
// is not packed, or not declared, is missing there as it would be for a user.
// @ts-check
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageFolders, packInto, tarballsIn } from './packed.mjs'
import { build, checkNode, install, npmCommand, root } from './prepare.mjs'

const USAGE = `npm run examples

  Packs all packages, installs them in an empty folder with what the examples import besides, and runs the examples of
  README and guide there (\`\`\`ts run, \`\`\`js run). Part of npm run long.`
const CHILD = join(root, 'packages/millpond/test/pages-child.mjs')
const EXAMPLE = /^```[jt]s run\n([\s\S]*?)^```/gm
const IMPORT = /^(?:import|export)\b[^'"]*['"]([^.'"][^'"]*)['"]|\bimport\(['"]([^.'"][^'"]*)['"]\)/gm

/** Optional peers that a subpath itself imports: its users install them. @type {Record<string, string[]>} */
const PEERS = { 'millpond/opentelemetry': ['@opentelemetry/api'], 'millpond/nest': ['@nestjs/common', 'rxjs'] }

/** The examples of a page, in their order. @param {string} text */
export const examplesOf = (text) => [...text.matchAll(EXAMPLE)].map(([, code = '']) => code)

/** The packages that code needs, without Node's own. @param {string} code */
export const importedBy = (code) =>
  [...code.matchAll(IMPORT)]
    .map(([, from, lazily]) => from ?? lazily ?? '')
    .filter((name) => !name.startsWith('node:'))
    .flatMap((name) => [name, ...(PEERS[name] ?? [])])
    .map((name) =>
      name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/'),
    )

/** Versions that the project itself tests with. @returns {Record<string, string>} */
function versions() {
  const all = packageFolders().map((folder) => JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')))
  return Object.assign({}, ...all.map(({ dependencies, devDependencies }) => ({ ...dependencies, ...devDependencies })))
}

/** @param {string} folder @param {[command: string, args: string[]]} command */
function must(folder, [command, args]) {
  const { status, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args[0]}: ${stderr}`)
}

/**
 * Runs the examples of a page in one process, as the tests do.
 * @param {string} folder @param {readonly string[]} files
 * @returns {{ file: string, said: string, code: number }[]}
 */
function run(folder, files) {
  if (files.length === 0) return []
  const report = join(folder, 'report.jsonl')
  writeFileSync(report, '')
  const { status, stderr } = spawnSync(process.execPath, [CHILD, report, ...files], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 300_000,
  })
  /** @type {{ file: string, said: string, code: number }[]} */
  const ended = readFileSync(report, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
  const lost = files.filter((file) => !ended.some((one) => one.file === file))
  return [...ended, ...lost.map((file) => ({ file, said: stderr || 'it did not end', code: status ?? 1 }))]
}

async function main() {
  const [wrong] = process.argv.slice(2)
  if (wrong === '--help' || wrong === '-h') return console.log(USAGE)
  if (wrong !== undefined) {
    console.error(`examples: ${JSON.stringify(wrong)} is not an option\n\n${USAGE}`)
    process.exitCode = 2
    return
  }
  checkNode()
  if (!install() || !build()) process.exit(1)
  const { default: ts } = await import('typescript')
  const home = mkdtempSync(join(tmpdir(), 'millpond-examples-'))
  try {
    const tarballs = join(home, 'tarballs')
    mkdirSync(tarballs)
    must(root, packInto(tarballs))
    const pages = ['README.md', 'packages/millpond/README.md', 'SECURITY.md', ...guide()]
    const examples = pages.flatMap((page) =>
      examplesOf(readFileSync(join(root, page), 'utf8')).map((code, at) => ({ page, at: at + 1, code })),
    )
    const known = versions()
    const names = [...new Set(examples.flatMap(({ code }) => importedBy(code)))].filter(
      (name) => name !== 'millpond' && !name.startsWith('@millpond/'),
    )
    const strangers = names.filter((name) => known[name] === undefined)
    if (strangers.length > 0) throw new Error(`no package of the project has a version of ${strangers.join(', ')}`)
    const user = join(home, 'user')
    mkdirSync(user)
    const dependencies = { ...Object.fromEntries(names.map((name) => [name, known[name]])) }
    writeFileSync(join(user, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }))
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    must(user, npmCommand(['install', ...tarballsIn(tarballs), ...flags]))
    console.log(`examples: ${examples.length} of ${pages.length} pages, beside ${names.join(', ')}`)
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 }
    let failed = 0
    for (const page of pages) {
      const files = examples
        .filter((one) => one.page === page)
        .map(({ at, code }) => {
          const file = join(user, `${page.replaceAll('/', '-')}-${at}.mjs`)
          writeFileSync(file, ts.transpileModule(code, { compilerOptions }).outputText)
          return file
        })
      for (const { file, said, code } of run(user, files)) {
        if (code === 0 && said === '') continue
        failed++
        console.log(`examples: ${basename(file, '.mjs')}: FAILED (${code}): ${said}`)
      }
    }
    console.log(`examples: ${examples.length - failed} passed, ${failed} failed`)
    process.exitCode = failed === 0 && examples.length > 0 ? 0 : 1
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

const guide = () =>
  readdirSync(join(root, 'docs/guide'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/guide/${name}`)

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main()

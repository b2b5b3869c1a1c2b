// Builds the page into dist/app and the style into dist/style.css, unless what is there was made of the very same
// contents.
// @ts-check
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const sources = ['src', 'package.json', 'build.mjs'].map((name) => join(here, name))
const target = join(here, 'dist', 'app')
const STYLE_TEXT = '@millpond/dashboard/style-text'
/** Whose turn it is to build. */
const lock = join(here, 'dist', 'app.lock')
/** Far longer than a build takes. */
const LEFT_AFTER_MS = 300_000
/** What the page was made of, written after it. */
const mark = join(here, 'dist', 'app.sha256')

async function buildPage() {
  const contents = digest()
  if (isBuilt(contents)) return
  // Suites that begin together: one builds, the others wait for what it makes.
  while (!isFirst()) await new Promise((resolve) => setTimeout(resolve, 50))
  try {
    if (!isBuilt(contents)) await build(contents)
  } finally {
    rmSync(lock, { force: true })
  }
}

/** @param {string} contents */
async function build(contents) {
  process.env.NODE_ENV = 'production' // whatever the caller has set: React has two builds
  const vite = await import('vite')
  // Written beside its place and then moved into it: a server of the page sees the old one or the new one.
  const draft = join(here, 'dist', `app-${process.pid}`)
  await vite.build({
    configFile: false,
    root: join(here, 'src', 'app'),
    base: './',
    logLevel: 'warn',
    define: { 'process.env.NODE_ENV': '"production"' },
    // The page has its style as a file.
    plugins: [
      {
        name: 'no-style-text',
        resolveId: (id) => (id === STYLE_TEXT ? id : null),
        load: (id) => (id === STYLE_TEXT ? 'export default ""' : null),
      },
    ],
    build: {
      outDir: draft,
      emptyOutDir: true,
      target: ['chrome123', 'safari17.5', 'firefox121'],
      cssTarget: ['chrome123', 'safari17.5', 'firefox121'],
      modulePreload: { polyfill: false },
      assetsInlineLimit: 0,
      rolldownOptions: {
        // "use client" is for servers that render; this page is the client.
        onLog: (level, log, handler) => log.code !== 'MODULE_LEVEL_DIRECTIVE' && handler(level, log),
      },
    },
  })
  rmSync(mark, { force: true })
  rmSync(target, { recursive: true, force: true })
  renameSync(draft, target)
  const assets = join(target, 'assets')
  const style = readdirSync(assets).find((name) => name.endsWith('.css'))
  if (style === undefined) throw new Error('the build made no style sheet')
  copyFileSync(join(assets, style), join(here, 'dist', 'style.css'))
  const css = readFileSync(join(assets, style), 'utf8')
  writeFileSync(join(here, 'dist', 'style-text.js'), `export default ${JSON.stringify(css)}\n`)
  writeFileSync(
    join(here, 'dist', 'style-text.d.ts'),
    '/** The style as text, for a shadow root. */\ndeclare const css: string\nexport default css\n',
  )
  writeFileSync(mark, contents)
}

/** Whether no other process builds; one that was killed in the middle does not block others. */
function isFirst() {
  mkdirSync(dirname(lock), { recursive: true })
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
    return true
  } catch {
    if (isLeft()) rmSync(lock, { force: true })
    return false
  }
}

function isLeft() {
  try {
    const holder = Number(readFileSync(lock, 'utf8'))
    // Numbers are given anew: in a container often this very one, and else to somebody who does not build.
    if (holder === process.pid || Date.now() - statSync(lock).mtimeMs > LEFT_AFTER_MS) return true
    // Between its making and its writing it is empty.
    return holder > 0 && !process.kill(holder, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH'
  }
}

/** @param {string} contents */
const isBuilt = (contents) =>
  existsSync(join(target, 'index.html')) && existsSync(mark) && readFileSync(mark, 'utf8') === contents

/**
 * Over our sources and the versions of what is bundled with them. A time says little: a checkout and a copy give files
 * new ones.
 */
function digest() {
  const hash = createHash('sha256')
  for (const path of sources.flatMap(filesIn)) hash.update(path.slice(here.length)).update(readFileSync(path))
  const { resolve } = createRequire(import.meta.url)
  for (const name of ['react', 'react-dom', '@tanstack/react-query', 'vite'])
    hash.update(readFileSync(resolve(`${name}/package.json`)))
  return hash.digest('hex')
}

/** @param {string} path @returns {string[]} */
function filesIn(path) {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesIn(join(path, name)))
}

await buildPage()

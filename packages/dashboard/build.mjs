// Builds the page into dist/app and the style into dist/style.css, unless what is there is newer than everything it is made of.
// @ts-check
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const sources = ['src', 'package.json', 'build.mjs'].map((name) => join(here, name))
const target = join(here, 'dist', 'app')

async function buildPage() {
  const page = join(target, 'index.html')
  if (existsSync(page) && statSync(page).mtimeMs > Math.max(...sources.map(newest))) return
  process.env.NODE_ENV = 'production' // whatever whoever started us is: React has two faces
  const { build } = await import('vite')
  // Beside its place and then into it: whoever serves the page meanwhile sees the old one or the new one.
  const draft = join(here, 'dist', `app-${process.pid}`)
  await build({
    configFile: false,
    root: join(here, 'src', 'app'),
    base: './',
    logLevel: 'warn',
    define: { 'process.env.NODE_ENV': '"production"' },
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
  rmSync(target, { recursive: true, force: true })
  renameSync(draft, target)
  const assets = join(target, 'assets')
  const style = readdirSync(assets).find((name) => name.endsWith('.css'))
  mkdirSync(join(here, 'dist'), { recursive: true })
  if (style !== undefined) copyFileSync(join(assets, style), join(here, 'dist', 'style.css'))
}

/** @param {string} path @returns {number} */
function newest(path) {
  const { mtimeMs } = statSync(path)
  if (!statSync(path).isDirectory()) return mtimeMs
  return Math.max(mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))))
}

await buildPage()

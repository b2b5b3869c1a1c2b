// An application around the dashboard, as one script: its functions are new at each render, and each new place makes it render.
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const ENTRY = 'host.jsx'

/** Signs in with the token behind the `#` of its address. */
const SOURCE = `
import { useState, version } from 'react'
import { createRoot } from 'react-dom/client'
import { CachingDashboard, CachingProvider, ConfigOverview, HealthScore, TierFlow, useCacheStream, useCacheSummaries } from ${JSON.stringify(fileURLToPath(new URL('../src/index.ts', import.meta.url)))}

const token = location.hash.slice(1)
location.hash = ''

const auth = () => ({ Authorization: 'Bearer ' + token })

function Redacting() {
  const [place, setPlace] = useState('')
  return (
    <>
      <output>{place}</output>
      <CachingDashboard auth={() => auth()} onNavigate={(to) => setPlace(to)} redact="names" />
    </>
  )
}

const Isolated = () => <CachingDashboard auth={auth} isolate="shadow" tokens={{ accent: 'rgb(1, 2, 3)' }} theme="dark" />

function Parts() {
  const stream = useCacheStream()
  const summary = useCacheSummaries().data?.caches[0]
  return summary && <><output>{String(stream.isStreaming)}</output><HealthScore health={summary.health} /><TierFlow summary={summary} /><ConfigOverview /></>
}

const HOSTS = { '': Redacting, '?shadow': Isolated, '?parts': () => <CachingProvider auth={auth}><Parts /></CachingProvider> }
const Host = HOSTS[location.search]

document.body.dataset.react = version
createRoot(document.getElementById('host')).render(<Host />)
`

/** Releases of React that the component is for. */
export type React = 18 | 19

/** Its files by their names; `host.js` is where it begins. */
export async function hostScript(react: React): Promise<ReadonlyMap<string, string>> {
  const root = fileURLToPath(new URL('.', import.meta.url))
  const built = await build({
    configFile: false,
    root,
    logLevel: 'error',
    ...(react === 18 && { resolve: { alias: { react: 'react-18', 'react-dom': 'react-dom-18' } } }),
    oxc: { jsx: { runtime: 'automatic', development: false } }, // whatever the NODE_ENV of the tests is
    define: { 'process.env.NODE_ENV': '"production"' },
    plugins: [
      { name: 'host', resolveId: (id) => (id.endsWith(ENTRY) ? root + ENTRY : null), load: (id) => (id === root + ENTRY ? SOURCE : null) },
    ],
    build: {
      write: false,
      minify: false,
      rolldownOptions: {
        input: ENTRY,
        output: { entryFileNames: 'host.js', chunkFileNames: '[name].js' },
        onLog: (level, log, next) => log.code !== 'MODULE_LEVEL_DIRECTIVE' && next(level, log),
      },
    },
  })
  const [first] = Array.isArray(built) ? built : [built]
  if (first === undefined || !('output' in first)) throw new Error('vite has built nothing')
  return new Map(first.output.flatMap((file) => ('code' in file ? [[file.fileName, file.code] as const] : [])))
}

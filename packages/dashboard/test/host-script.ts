// An application around the dashboard, as one script: its functions are new at each render, and each new place makes it
// render.
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const ENTRY = 'host.jsx'

/** Signs in with the token behind the `#` of its address. */
const SOURCE = `
import { useEffect, useState, version } from 'react'
import { createRoot } from 'react-dom/client'
import { CachingDashboard, CachingProvider, ConfigOverview, HealthScore, LiveChart, TierFlow, useCacheStream, useCacheSummaries } from ${JSON.stringify(fileURLToPath(new URL('../src/index.ts', import.meta.url)))}

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

const STEPS = 240
/** Six charts of three lines each; \`step()\` moves them on by a second, and is done when that is drawn. */
function Charts() {
  const [at, setAt] = useState(0)
  useEffect(() => {
    window.step = () => new Promise((done) => {
      setAt((before) => before + 1)
      requestAnimationFrame(() => setTimeout(done))
    })
  }, [])
  const t = Array.from({ length: STEPS }, (_, step) => 1_800_000_000 + at + step)
  const series = [1, 2, 3].map((line) => ({ name: 'line ' + line, color: 'var(--mp-series-' + line + ')', fill: 'kept', v: t.map((now) => 100 + 40 * Math.sin(now / (7 * line))) }))
  return <>{[1, 2, 3, 4, 5, 6].map((one) => (
    <LiveChart key={one} title={'Chart ' + one} unit="reads/s" summary="Waves." t={t} series={series} isStacked={one % 2 === 0} isPartial from={t[0] * 1000} to={t.at(-1) * 1000} format={(value) => value.toFixed(0)} />
  ))}</>
}

const HOSTS = { '': Redacting, '?shadow': Isolated, '?parts': () => <CachingProvider auth={auth}><Parts /></CachingProvider>, '?charts': () => <CachingProvider auth={auth}><Charts /></CachingProvider> }
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
      {
        name: 'host',
        resolveId: (id) => (id.endsWith(ENTRY) ? root + ENTRY : null),
        load: (id) => (id === root + ENTRY ? SOURCE : null),
      },
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

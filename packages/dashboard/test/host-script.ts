// An application around the dashboard, as one script: its functions are new at each render, and each new place makes it render.
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const ENTRY = 'host.jsx'

/** Signs in with the token behind the `#` of its address. */
const SOURCE = `
import { useState } from 'react'
import { createRoot } from 'react-dom/client'
import { CachingDashboard } from ${JSON.stringify(fileURLToPath(new URL('../src/index.ts', import.meta.url)))}

const token = location.hash.slice(1)
location.hash = ''

function Host() {
  const [place, setPlace] = useState('')
  return (
    <>
      <output>{place}</output>
      <CachingDashboard auth={() => ({ Authorization: 'Bearer ' + token })} onNavigate={(to) => setPlace(to)} redact="names" />
    </>
  )
}

createRoot(document.getElementById('host')).render(<Host />)
`

export async function hostScript(): Promise<string> {
  const root = fileURLToPath(new URL('.', import.meta.url))
  const built = await build({
    configFile: false,
    root,
    logLevel: 'error',
    oxc: { jsx: { runtime: 'automatic', development: false } }, // whatever the NODE_ENV of the tests is
    define: { 'process.env.NODE_ENV': '"production"' },
    plugins: [
      { name: 'host', resolveId: (id) => (id.endsWith(ENTRY) ? root + ENTRY : null), load: (id) => (id === root + ENTRY ? SOURCE : null) },
    ],
    build: {
      write: false,
      minify: false,
      rolldownOptions: { input: ENTRY, onLog: (level, log, next) => log.code !== 'MODULE_LEVEL_DIRECTIVE' && next(level, log) },
    },
  })
  const [first] = Array.isArray(built) ? built : [built]
  if (first === undefined || !('output' in first)) throw new Error('vite has built nothing')
  return first.output[0].code
}

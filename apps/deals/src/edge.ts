// An edge of its own before the service, as a CDN would be: the caching proxy on another port, which the cache's invalidations purge.
import { type Cdn, type CdnOutlet, createCdn, millpondProxy } from '@millpond/cdn'
import { type CachingProxy, type ProxyOptions, startProxy } from '@millpond/proxy'
import type { Settings } from './settings.ts'
import { StartError } from './start-error.ts'

export interface ServiceEdge {
  readonly url: string
  readonly cdn: Cdn
  /** Of the HTTP cache alone: what it holds is what the edge holds. */
  readonly outlet: CdnOutlet
  /** From now on it asks the service. */
  before(service: string): void
  close(): Promise<void>
}

/** Until the service listens, so that nobody is asked. */
const NOBODY = 'http://127.0.0.1:9'
const MEMORY = '64mb'

/** @throws StartError where its port is taken. */
export async function openEdge(
  { host, edgePort }: Pick<Settings, 'host' | 'edgePort'>,
  say: (line: string) => void,
): Promise<ServiceEdge | undefined> {
  if (edgePort === undefined) return undefined
  const options: ProxyOptions = { origin: NOBODY, host, port: edgePort, adminPort: 0, memory: MEMORY, cache: { name: 'deals-edge' } }
  const proxy = await startProxy(options).catch((error: NodeJS.ErrnoException) => {
    throw new StartError(`the edge cannot listen on ${host}:${edgePort} (${error.code ?? error.message}): choose another --edge-port`, {
      cause: error,
    })
  })
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${proxy.port}`
  const cdn = createCdn({ edges: [millpondProxy({ name: 'edge', admin: `http://127.0.0.1:${adminOf(proxy)}`, origin: url })] })
  const outlet = cdn.outlet({
    namespaces: ['http'],
    onTrouble: ({ targets, error, probe }) => say(`edge: ${targets.slice(0, 3).join(', ')}: ${error?.message ?? probe?.why}`),
  })
  return {
    url,
    cdn,
    outlet,
    before: (service) => proxy.reload({ ...options, origin: service }),
    async close() {
      cdn.close()
      await proxy.close()
    },
  }
}

/** It was asked for. */
const adminOf = ({ adminPort }: CachingProxy): number => adminPort ?? 0

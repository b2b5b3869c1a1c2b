// The edges in front of the service: its own caching proxy on another port, in place of a CDN, and those in the
// environment. The cache's invalidations purge them.
import { type Cdn, type CdnFolderOptions, type CdnOutlet, createCdn, type Edge, millpondProxy } from '@millpond/cdn'
import { type CachingProxy, type ProxyOptions, startProxy } from '@millpond/proxy'
import type { Settings } from './settings.ts'
import { StartError } from './start-error.ts'

export interface ServiceEdge {
  /** Its own; undefined: there is none, or it is elsewhere. */
  readonly url: string | undefined
  readonly cdn: Cdn
  /** For the HTTP cache only: an edge holds what it holds. Undefined: there is no edge. */
  readonly outlet: CdnOutlet | undefined
  /** Connects its own edge to the service. */
  before(service: string): void
  close(): Promise<void>
}

/** Until the service listens, it has no origin. */
const UNREACHABLE = 'http://127.0.0.1:9'
const MEMORY = '64mb'
/** The name of its own edge, among those of the environment. */
export const OWN_EDGE = 'edge'

export interface EdgeParts {
  readonly folders: Readonly<Record<string, CdnFolderOptions>>
  readonly say: (line: string) => void
}

/** @throws StartError if its port is in use. */
export async function openEdge(
  { host, edgePort, edges, cache }: Pick<Settings, 'host' | 'edgePort' | 'edges' | 'cache'>,
  { folders, say }: EdgeParts,
): Promise<ServiceEdge> {
  const own = edgePort === undefined ? undefined : await openOwn(host, edgePort)
  const all = [...(own === undefined ? [] : [own.edge]), ...edges]
  const cdn = createCdn({ edges: all, folders })
  const outlet =
    all.length === 0 || !cache.isOn
      ? undefined
      : cdn.outlet({
          namespaces: ['http'],
          onTrouble: ({ edge, targets, error, probe }) =>
            say(`edge ${edge}: ${targets.slice(0, 3).join(', ')}: ${error?.message ?? probe?.why}`),
        })
  return {
    url: own?.url,
    cdn,
    outlet,
    before: (service) => own?.before(service),
    async close() {
      cdn.close()
      await own?.close()
    },
  }
}

interface OwnEdge {
  readonly url: string
  readonly edge: Edge
  before(service: string): void
  close(): Promise<void>
}

async function openOwn(host: string, port: number): Promise<OwnEdge> {
  const options: ProxyOptions = {
    origin: UNREACHABLE,
    host,
    port,
    adminPort: 0,
    memory: MEMORY,
    cache: { name: 'deals-edge' },
  }
  const proxy = await startProxy(options).catch((error: NodeJS.ErrnoException) => {
    throw new StartError(
      `the edge cannot listen on ${host}:${port} (${error.code ?? error.message}): choose another --edge-port`,
      {
        cause: error,
      },
    )
  })
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${proxy.port}`
  return {
    url,
    edge: millpondProxy({ name: OWN_EDGE, admin: `http://127.0.0.1:${adminOf(proxy)}`, origin: url }),
    before: (service) => proxy.reload({ ...options, origin: service }),
    close: () => proxy.close(),
  }
}

/** It was configured. */
const adminOf = ({ adminPort }: CachingProxy): number => adminPort ?? 0

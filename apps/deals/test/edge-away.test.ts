// An edge elsewhere that cannot be reached when something is forgotten: it is purged when it is back, by whichever
// process is there then.
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CachingProxy, startProxy } from '@millpond/proxy'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort, until } from '../../../packages/millpond/test/services/index.ts'
import { createTokens } from '../src/http/tokens.ts'
import { SECRET } from './service-under-test.ts'
import { type Process, startProcess } from './start-process.ts'
import { makeFolder } from './temporary-folder.ts'

const ROLES = '/api/cached/organizations/1/roles/'
const TOKEN = createTokens(SECRET).issue({ userId: 1, organizationId: 1 })

let proxy: CachingProxy
let door: Server
let service: Process
let isAway = false
const folder = makeFolder()
/** Always the same, which the edge asks. */
let port: number

const portOf = (server: Server): number => (server.address() as AddressInfo).port
const start = () =>
  startProcess(folder, { CDN_PROXY_ADMIN: `http://127.0.0.1:${portOf(door)}` }, ['--port', String(port)])

beforeAll(async () => {
  port = await freePort()
  proxy = await startProxy({ origin: `http://127.0.0.1:${port}`, host: '127.0.0.1', port: 0, adminPort: 0 })
  // Before its admin port, since an edge that is away keeps what it has.
  door = createServer((incoming, outgoing) => {
    if (isAway) return void incoming.socket.destroy()
    const { method, url, headers } = incoming
    const passed = request({ host: '127.0.0.1', port: proxy.adminPort, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(outgoing)
    })
    passed.on('error', () => outgoing.destroy())
    incoming.pipe(passed)
  })
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve))
  service = await start()
})
afterAll(async () => {
  await service?.kill()
  await proxy?.close(0)
  door?.closeAllConnections()
  await new Promise((resolve) => door.close(resolve))
})

const atEdge = async (): Promise<{ readonly text: string; readonly isHit: boolean }> => {
  const answer = await fetch(`http://127.0.0.1:${proxy.port}${ROLES}`)
  return {
    text: await answer.text(),
    isHit: /; hit/.test(answer.headers.get('cache-status')?.split(', ').at(-1) ?? ''),
  }
}
const kept = () => until('a hit at the edge', async () => (await atEdge()).isHit)
const describeViewer = async (description: string): Promise<string> => {
  const { roles } = JSON.parse((await atEdge()).text)
  const { id } = roles.find(({ name }: { name: string }) => name === 'viewer')
  const answer = await fetch(`${service.url}/api/organizations/1/roles/${id}/`, {
    method: 'PATCH',
    headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ description }),
  })
  const written = (await answer.json()) as { readonly forgotten: { readonly edge: string } }
  return written.forgotten.edge
}

test('N4: an edge that was away is purged when it is back; the write says that it has not been', async () => {
  await kept()
  isAway = true
  expect(await describeViewer('while it was away')).toBe('pending')
  expect(await atEdge()).toMatchObject({ isHit: true, text: expect.not.stringContaining('while it was away') })
  isAway = false
  await until('the edge to be purged', async () => (await atEdge()).text.includes('while it was away'), 20_000)
}, 40_000)

test('N4: a process that is killed between its answer and the purge leaves it to the next', async () => {
  await kept()
  isAway = true
  expect(await describeViewer('before the kill')).toBe('pending')
  await service.kill()
  isAway = false
  expect(await atEdge()).toMatchObject({ isHit: true, text: expect.not.stringContaining('before the kill') })
  service = await start()
  await until('the edge to be purged', async () => (await atEdge()).text.includes('before the kill'), 20_000)
}, 40_000)

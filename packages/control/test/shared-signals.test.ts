// Whatever ends with a thing hears of that by one signal: many that wait are no leak, of which Node would warn from the
// eleventh on.
import { createServer } from 'node:net'
import { cloudflare, createCdn } from '@millpond/cdn'
import { createNodes, memoryNodes } from 'millpond/nodes'
import { afterAll, afterEach, expect, test } from 'vitest'
import { Webhooks } from '../src/alerts/webhooks.ts'

const warned: Error[] = []
const hear = (warning: Error): void => {
  if (warning.name === 'MaxListenersExceededWarning') warned.push(warning)
}
process.on('warning', hear)
afterAll(() => void process.off('warning', hear))
/** Warnings come in a turn of their own. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
afterEach(async () => {
  await turn()
  expect(warned.splice(0)).toEqual([])
})

test('twenty outlets of one CDN', async () => {
  const cdn = createCdn({ edges: [cloudflare({ zone: 'a'.repeat(32), token: 'unused' })] })
  for (let at = 0; at < 20; at++) cdn.outlet({ name: `edge-${at}` })
  cdn.close()
})

test('twenty webhooks that wait for a retry', async () => {
  const server = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`
  const webhooks = new Webhooks({ allowPrivate: true, onWarning: () => {}, retries: [0, 0, 60_000] })
  const alert = { id: 'alr_1', severity: 'high', state: 'firing' } as Parameters<Webhooks['tell']>[1]
  let calls = 0
  server.on('connection', () => calls++)
  webhooks.tell(
    Array.from({ length: 20 }, (_, at) => ({
      url: `${url}${at}`,
      secret: 'a secret of sixteen or more',
      severities: ['high'] as const,
    })),
    alert,
  )
  await expect.poll(() => calls).toBe(60)
  await webhooks.close()
  server.close()
})

test('twenty questions to nodes at once', async () => {
  const nodes = createNodes({ store: memoryNodes(), id: 'asks', every: '50ms' })
  await nodes.join()
  await Promise.all(Array.from({ length: 20 }, () => nodes.ask('anything', null, { deadline: 10_000 })))
  await nodes.close()
})

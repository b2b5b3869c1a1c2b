// The server behind `npm run docs -- --serve`: pages by their names, nothing outside, and no request ends it.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { serveFolder } from '../serve-folder.mjs'

const parent = mkdtempSync(join(tmpdir(), 'serve-'))
const folder = join(parent, 'dist')
let server: Awaited<ReturnType<typeof serveFolder>>

beforeAll(async () => {
  mkdirSync(join(folder, 'guide'), { recursive: true })
  mkdirSync(join(parent, 'dist-of-others'))
  writeFileSync(join(folder, 'index.html'), 'home')
  writeFileSync(join(folder, '404.html'), 'not here')
  writeFileSync(join(folder, 'guide', 'tiers.html'), 'tiers')
  writeFileSync(join(folder, 'a b%.js'), 'script')
  writeFileSync(join(parent, 'dist-of-others', 'secret.html'), 'secret')
  server = await serveFolder(folder, 0)
})
afterAll(() => {
  server.close()
  rmSync(parent, { recursive: true })
})

/** As it stands: `fetch` would tidy the path. */
const ask = (path: string, method = 'GET'): Promise<{ status: number; type: string; body: string }> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.url)
    const sent = request({ hostname, port, path, method, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text
      })
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body }),
      )
    })
    sent.on('error', reject).end()
  })

test.each([
  ['/', 200, 'home'],
  ['/?q=a', 200, 'home'],
  ['/guide/tiers', 200, 'tiers'],
  ['/guide/tiers.html?x=%', 200, 'tiers'],
  ['/a%20b%25.js', 200, 'script'],
  ['/guide', 404, 'not here'],
  ['/guide/', 404, 'not here'],
  ['/nothing', 404, 'not here'],
  ['/%', 404, 'not here'],
  ['/%E0%A4%A', 404, 'not here'],
  ['/a%00b', 404, 'not here'],
  ['//', 200, 'home'],
  ['/../dist-of-others/secret', 404, 'not here'],
  ['/..%2Fdist-of-others/secret.html', 404, 'not here'],
  ['/../../../../../../etc/passwd', 404, 'not here'],
])('%s is %i', async (path, status, body) => {
  expect(await ask(path)).toMatchObject({ status, body })
})

test('types, and HEAD without a body', async () => {
  expect((await ask('/a%20b%25.js')).type).toBe('text/javascript; charset=utf-8')
  expect(await ask('/guide/tiers', 'HEAD')).toEqual({ status: 200, type: 'text/html; charset=utf-8', body: '' })
})

test('rejects where somebody listens already', async () => {
  await expect(serveFolder(folder, Number(new URL(server.url).port))).rejects.toThrow(/EADDRINUSE/)
})

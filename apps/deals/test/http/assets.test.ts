// As it is started without options: the page's own files as assets, a picture for each organisation, and the edge that
// a write purges.
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../../../../packages/millpond/test/services/index.ts'
import { type Subject, startSubject } from '../service-under-test.ts'

const ADMINISTRATOR = { userId: 1, organizationId: 1 }

let subject: Subject
let page: string
beforeAll(async () => {
  subject = await startSubject({ args: ['--organizations', '4', '--users', '24', '--deals', '400'] })
  page = (await subject.get('/')).text
})
afterAll(() => subject?.stop())

const bytesAt = async (path: string, headers: Record<string, string> = {}, base = subject.service.url) => {
  const answer = await fetch(base + path, { headers })
  return { status: answer.status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) }
}

describe('assets', () => {
  test('N2: the page names its files by their content; they are kept for good, and come compressed', async () => {
    const paths = [...page.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map(([, path = '']) => path)
    expect(paths.map((path) => path.replace(/[0-9a-f]{16}/, 'HASH'))).toEqual([
      '/assets/mark.HASH.svg',
      '/assets/page.HASH.css',
      '/assets/page.HASH.js',
    ])
    for (const path of paths.slice(1)) {
      const plain = await bytesAt(path, { 'Accept-Encoding': 'identity' })
      expect(plain.status).toBe(200)
      expect(plain.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
      expect(plain.headers.get('vary')).toBe('Accept-Encoding')
      for (const [accepted, given] of [
        ['gzip, br', 'br'],
        ['br;q=0, gzip;q=.5', 'gzip'],
        ['zstd', null],
      ] as const) {
        const packed = await bytesAt(path, { 'Accept-Encoding': accepted })
        expect(packed.headers.get('content-encoding')).toBe(given)
        expect(packed.body.equals(plain.body)).toBe(true)
        if (given !== null) expect(Number(packed.headers.get('content-length'))).toBeLessThan(plain.body.length / 2)
      }
    }
  })

  test('what is no asset is not found, whatever it is called', async () => {
    const [name = ''] = /page\.[0-9a-f]{16}\.css/.exec(page) ?? []
    for (const path of ['page.css', `${name}.br`, '..%2f..%2fpackage.json', '%', 'assets-manifest.json', 'constructor'])
      expect((await bytesAt(`/assets/${path}`)).status).toBe(404)
  })
})

describe('pictures', () => {
  /** Signed addresses of organisation 1, by type. */
  const addresses = () =>
    Object.fromEntries(
      [...page.matchAll(/type="image\/(\w+)" srcset="(\/images\/organizations\/1\.png[^" ]+)/g)].map(
        ([, type = '', path = '']) => [type, path.replaceAll('&amp;', '&')],
      ),
    )

  /** One that is still being made after ten seconds is asked for again, as it says. */
  const made = (path: string, base?: string) =>
    until(
      `a picture at ${path}`,
      async () => {
        const answer = await bytesAt(path, {}, base)
        return (answer.status !== 503 || answer.headers.get('retry-after') === null) && answer
      },
      50_000,
    )

  test('N3: each organisation has one, in formats of which the page offers the smallest first', async () => {
    expect([...page.matchAll(/<picture>/g)].length).toBe(4)
    expect(page).toMatch(
      /<picture><source type="image\/avif" [^>]+><source type="image\/webp" [^>]+><img src="\/images\/organizations\/1\.png\?w=320&amp;f=png/,
    )
    const png = (/<img src="(\/images\/organizations\/1[^"]+)"/.exec(page)?.[1] ?? '').replaceAll('&amp;', '&')
    const sizes: number[] = []
    for (const [path, type] of [
      [addresses().avif ?? '', 'image/avif'],
      [addresses().webp ?? '', 'image/webp'],
      [png, 'image/png'],
    ] as const) {
      const { status, headers, body } = await made(path)
      expect([status, headers.get('content-type')]).toEqual([200, type])
      expect(await sharp(body).metadata()).toMatchObject({ width: 320, height: 180 })
      sizes.push(body.length)
    }
    expect(Math.max(...sizes.slice(0, 2)) * 4).toBeLessThan(sizes[2] ?? 0)
  })

  test('an address with another size or name than the signed one is refused', async () => {
    const { webp = '' } = addresses()
    expect((await bytesAt(webp.replace('w=320', 'w=321'))).status).toBe(403)
    expect((await bytesAt(webp.replace('/1.png', '/2.png'))).status).toBe(403)
  })

  test('N4: with another name it is another, at the service and at the edge, as soon as the write is answered', async () => {
    const { webp = '' } = addresses()
    const { edge = '' } = subject.service
    const before = (await made(webp)).body
    await until('the edge to keep it', async () =>
      /deals-edge; hit/.test((await bytesAt(webp, {}, edge)).headers.get('cache-status') ?? ''),
    )
    const written = await subject.send('PATCH', '/api/organizations/1/', ADMINISTRATOR, { name: 'Another Name' })
    expect(written.status).toBe(200)
    expect(written.json.forgotten.edge, 'in time').toBe('purged') // a write waits for two seconds
    const [here, there] = [(await made(webp)).body, (await made(webp, edge)).body]
    expect(here.equals(before)).toBe(false)
    expect(there.equals(here)).toBe(true)
    // The job that settles the notes of writes may have met this one's before it was done with, and told the edge as
    // well.
    await until('nothing to wait', async () => (await subject.get('/api/live/')).json.edge.waiting === 0)
    const { json: live } = await subject.get('/api/live/')
    expect(live.edge.failures).toBe(0)
    expect(live.edge.purges).not.toEqual([])
    for (const { tags, state } of live.edge.purges)
      expect([tags, /^(purged|settled)$/.test(state)]).toEqual([['org:1'], true])
    expect((await subject.get('/api/live/', undefined, { 'x-forwarded-for': '192.0.2.1' })).json.edge.purges).toEqual(
      [],
    )
  })
})

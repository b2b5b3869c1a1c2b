// The service behind an edge of its own: what an update or an invalidation takes away is gone from memory, Redis and
// edge.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWith, type RedisService, startRedis, until } from '../../../packages/millpond/test/services/index.ts'
import { type Subject, startSubject } from './service-under-test.ts'

const ADMINISTRATOR = { userId: 1, organizationId: 1 }
const ROLES = '/api/cached/organizations/1/roles/'
const ADMIN_TOKEN = 'edge-administrator-'.padEnd(40, 'x')

interface Told {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field
  readonly json: any
}

describeWith('redis', 'the service behind its edge', () => {
  let redis: RedisService
  let subject: Subject
  let edge: string
  beforeAll(async () => {
    redis = await startRedis()
    subject = await startSubject({
      args: ['--organizations', '4', '--users', '24', '--deals', '400', '--edge-port', '0'],
      env: { REDIS_URL: redis.url, MILLPOND_ADMIN_TOKEN: ADMIN_TOKEN },
    })
    edge = subject.service.edge ?? ''
  })
  afterAll(async () => {
    await subject?.stop()
    await redis?.stop()
  })

  const atEdge = async (path: string) => {
    const answer = await fetch(edge + path)
    const status = answer.headers.get('cache-status') ?? ''
    return {
      status: answer.status,
      isHit: /deals-edge; hit/.test(status),
      headers: answer.headers,
      text: await answer.text(),
    }
  }
  const admin = async (method: string, path: string, body?: object): Promise<Told> => {
    const answer = await fetch(`${subject.service.url}/api/admin/caching/${path}`, {
      method,
      headers: { Authorization: `Bearer ${ADMIN_TOKEN}`, 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: answer.status, json: await answer.json() }
  }
  /** What somebody reads until it is kept there. */
  const kept = async (path: string) => {
    await atEdge(path)
    return until('a hit at the edge', async () => {
      const answer = await atEdge(path)
      return answer.isHit && answer
    })
  }

  test('N4: answers name their tags for edges, and are kept there', async () => {
    const { headers, status } = await kept(ROLES)
    expect(status).toBe(200)
    expect(headers.get('surrogate-key')?.split(' ')).toEqual(headers.get('cache-tag')?.split(','))
    expect(headers.get('cache-tag')).toContain('org:1:roles')
  })

  test('N4: what the service stores for itself purges nothing', async () => {
    const { json } = await admin('GET', 'cdn/status/')
    expect(json.outlets[0]).toMatchObject({ purged: 0, waiting: 0 })
  })

  test('N4: an update’s old answer is gone from memory, Redis and edge when the receipt is acked, which the write’s answer waits for', async () => {
    const viewer = JSON.parse((await kept(ROLES)).text).roles.find(({ name }: { name: string }) => name === 'viewer')
    for (const description of ['sees it', 'sees all of it', 'sees most of it']) {
      await kept(ROLES)
      const written = await subject.send('PATCH', `/api/organizations/1/roles/${viewer.id}/`, ADMINISTRATOR, {
        description,
      })
      expect(written.status).toBe(200)
      expect(written.json.forgotten.edge, 'in time').toBe('purged') // a write waits for two seconds
      expect((await atEdge(ROLES)).text).toContain(`"${description}"`)
      expect((await subject.get(ROLES)).text).toContain(`"${description}"`)
    }
  })

  test('N4: purges are told on the page of the CDN, and made there', async () => {
    const before = (await admin('GET', 'cdn/status/')).json
    expect(before.edges).toMatchObject([{ edge: 'edge', vendor: 'millpond', tells_when_done: true }])
    await subject.send('PATCH', '/api/organizations/1/', ADMINISTRATOR, { name: 'Purged Works' })
    await until('the purge to be told', async () => {
      const [outlet] = (await admin('GET', 'cdn/status/')).json.outlets
      return outlet.purged > before.outlets[0].purged && outlet.failures === before.outlets[0].failures
    })
    await kept(ROLES)
    const purged = await admin('POST', 'cdn/invalidate_cdn/', { paths: [ROLES] })
    expect(purged.json.result.edges).toMatchObject([{ state: 'done', purged: 1 }])
    expect((await atEdge(ROLES)).isHit).toBe(false)
  })
})

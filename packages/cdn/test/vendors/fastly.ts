// Fastly as its API documentation describes it: purging by address, keys and everything, historical stats, data
// centres, and a service's details.
import { isList, json, parse, serve, type Wire } from './wire.ts'

const SERVICE = 'SU1Z0isxPaozGVKXdv0eY'
const TOKEN = 'fastly-token-hidden'

export interface FastlyServer extends Wire {
  readonly service: string
  readonly token: string
  /** `tag a soft`, in the order in which it was purged. */
  readonly purged: string[]
}

export async function fastlyServer(): Promise<FastlyServer> {
  const purged: string[] = []
  let count = 0
  const wire = await serve(({ method, path, rawPath, query, headers, body }, fault) => {
    const key = headers['fastly-key']
    if (key === undefined) fault('no Fastly-Key')
    if (key !== TOKEN) return json(401, { msg: 'Provided credentials are missing or invalid' })
    if (headers.accept !== 'application/json') fault('Accept is not application/json')
    const softly = headers['fastly-soft-purge']
    if (softly !== undefined && softly !== '1') fault('Fastly-Soft-Purge is 1, or absent')
    const soft = softly === '1' ? ' soft' : ''
    const id = `108-1391560174-${count++}`
    if (path.startsWith('/purge/')) {
      if (method !== 'POST') fault('a purge by the API is a POST')
      if (/[^\x21-\x7e]/.test(rawPath) || !/^\/purge\/[a-z0-9.:-]+\//.test(rawPath)) fault('not a host and a path')
      purged.push(`url ${rawPath.slice('/purge/'.length)}${soft}`)
      return json(200, { status: 'ok', id })
    }
    if (path === '/datacenters')
      return json(200, [
        {
          code: 'AMS',
          name: 'Amsterdam',
          group: 'Europe',
          shield: 'amsterdam-nl',
          coordinates: { latitude: 52.3, longitude: 4.8, x: 0, y: 0 },
        },
      ])
    const [, service, rest] = /^\/(?:stats\/)?service\/([^/]+)(\/.*)?$/.exec(path) ?? []
    if (service !== SERVICE)
      return json(404, {
        msg: 'Record not found',
        detail: `Couldn't find Service '{ deleted => 0000-00-00 00:00:00, id => ${service} }'`,
      })
    if (path.startsWith('/stats/')) {
      if (!/^\d+$/.test(query.get('from') ?? '') || query.get('by') !== 'day') fault('not a question for days')
      return json(200, {
        status: 'success',
        meta: {},
        msg: null,
        data: [stats(1_795_564_800, 400, 300, 60), stats(1_795_651_200, 100, 50, 50)],
      })
    }
    if (rest === '/details')
      return json(200, { id: SERVICE, name: 'www.example.com', active_version: { number: 7, active: true } })
    if (method !== 'POST') fault('a purge is a POST')
    if (rest === '/purge_all') {
      if (soft !== '') fault('everything cannot be purged softly')
      purged.push('everything')
      return json(200, { status: 'ok' })
    }
    if (rest !== '/purge') fault('not a path of the API')
    if (headers['content-type'] !== 'application/json') fault('not sent as JSON')
    const asked = parse(body)
    const keys: unknown = typeof asked === 'object' && asked !== null ? Reflect.get(asked, 'surrogate_keys') : undefined
    if (!isList(keys) || keys.length === 0 || keys.length > 256) {
      fault(`1 to 256 surrogate_keys, not ${body.slice(0, 100)}`)
      return json(400, { msg: 'Bad request' })
    }
    if (keys.some((one) => /\s/.test(one) || one.length > 1024)) fault('a key with a space, or too long')
    purged.push(...keys.map((one) => `tag ${one}${soft}`))
    return json(200, Object.fromEntries(keys.map((one) => [one, id])))
  })
  return Object.assign(wire, { service: SERVICE, token: TOKEN, purged })
}

const stats = (start_time: number, requests: number, hits: number, miss: number) => ({
  start_time,
  service_id: SERVICE,
  requests,
  hits,
  miss,
  bandwidth: requests * 10,
  status_4xx: 5,
  status_5xx: 0,
})

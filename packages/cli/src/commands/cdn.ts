// The CDN in front of the caches: purges, their progress, and the vendors' metrics.
import type { Command, Context } from '../command.ts'
import { exitOf, followed, isRunning, SOON, tellOperation } from '../connection/follow.ts'
import { at, numberAt, type Row, rowsAt, textAt, textsAt } from '../connection/read.ts'
import { wrongUse } from '../failure.ts'
import { joined, text } from '../terminal/text.ts'
import { bytes, clock, count, counted, percent, seconds } from '../terminal/units.ts'

export const cdnPurge: Command = {
  name: 'cdn purge',
  group: 'act',
  summary: 'purge a CDN by paths, tags, prefixes, hosts, or as a whole; also reports what a vendor cannot do',
  positionals: ['[PATH]'],
  options: [
    'path',
    'tags',
    'prefixes',
    'hosts',
    'everything',
    'soft',
    'edge',
    'distribution',
    'zone',
    'service',
    'reason',
    'dry-run',
    'detach',
  ],
  fields: ['plan', 'operation'],
  example: "millpond cdn purge '/img/*' --tags deals --reason 'price import'",
  scope: 'cdn:purge',
  async run(context) {
    const { given, out } = context
    const paths = [...given.positionals, ...given.texts('path')]
    const [tags, prefixes, hosts, edges] = [
      given.list('tags'),
      given.list('prefixes'),
      given.list('hosts'),
      given.list('edge'),
    ]
    if (paths.length + tags.length + prefixes.length + hosts.length === 0 && !given.flag('everything'))
      throw wrongUse('name what to purge: a PATH, --tags, --prefixes, --hosts, or --everything')
    const body = {
      ...(paths.length > 0 && { paths }),
      ...(tags.length > 0 && { tags }),
      ...(prefixes.length > 0 && { prefixes }),
      ...(hosts.length > 0 && { hosts }),
      ...(edges.length > 0 && { edges }),
      ...siteOf(given),
      ...(given.has('reason') && { reason: given.text('reason') }),
      everything: given.flag('everything'),
      soft: given.flag('soft'),
    }
    const client = await context.client()
    if (given.flag('dry-run')) {
      const plan = at((await client.post('cdn/invalidate_cdn/', { ...body, dry_run: true })).body, 'plan')
      await out.answer('cdn.purge', { plan, operation: null }, () => {
        out.line(
          text`${counted(numberAt(plan, 'targets'), 'target')} at ${joined(textsAt(plan, 'edges'), ', ')}: would be accepted within ${seconds((numberAt(plan, 'takes_ms') ?? 0) / 1000)}`,
        )
        out.line(text`Nothing was changed.`)
      })
      return 'done'
    }
    const operation = await followed(context, client, await client.post('cdn/invalidate_cdn/', body, SOON), 'targets')
    await out.answer('cdn.purge', { plan: null, operation }, () => tellEdges(out, rowsAt(operation, 'result', 'edges')))
    return exitOf(operation)
  },
}

export const cdnStatus: Command = {
  name: 'cdn status',
  group: 'look',
  summary: 'show the edges of the CDN and their health, the latest purges, and invalidations on their way there',
  positionals: [],
  options: [],
  fields: ['edges', 'health', 'outlets', 'folders', 'purges'],
  example: 'millpond cdn status',
  scope: 'metrics:read',
  async run(context) {
    const { out } = context
    const client = await context.client()
    const { body } = await client.get('cdn/status/')
    const health = rowsAt((await client.get('cdn/health/')).body, 'edges')
    const [edges, outlets, folders, purges] = [
      rowsAt(body, 'edges'),
      rowsAt(body, 'outlets'),
      rowsAt(body, 'folders'),
      rowsAt(body, 'purges'),
    ]
    await out.answer('cdn.status', { edges, health, outlets, folders, purges }, () => {
      if (edges.length === 0) out.line(text`No edge is connected: createControl({ cdn: createCdn({ edges }) })`)
      out.table(
        [{ title: 'EDGE' }, { title: 'SITE' }, { title: 'PURGES BY', gives: true }, { title: 'STATE', gives: true }],
        edges.map((one) => [
          textAt(one, 'edge'),
          textAt(one, 'site'),
          joined(textsAt(one, 'purges_by'), ', '),
          healthOf(health.find((row) => textAt(row, 'edge') === textAt(one, 'edge'))),
        ]),
      )
      for (const one of outlets)
        out.line(
          text`Outlet ${textAt(one, 'name')}: ${count(numberAt(one, 'waiting'))} wait, ${seconds((numberAt(one, 'left_ms') ?? 0) / 1000)} left; ${count(numberAt(one, 'purged'))} purged, ${count(numberAt(one, 'coalesced'))} spared, ${count(numberAt(one, 'failures'))} failed; probes: ${count(numberAt(one, 'probes', 'gone'))} gone, ${count(numberAt(one, 'probes', 'old'))} old`,
        )
      for (const one of folders) {
        const to = textAt(one, 'to')
        const can = [
          ...(to === '' ? [] : [`is uploaded to ${to}`]),
          ...(at(one, 'has_images') === true ? ['has pictures'] : []),
        ]
        out.line(text`Folder ${textAt(one, 'name')}: ${joined(can, ', ')}`)
      }
      for (const one of purges.slice(0, 10)) {
        out.line(text`${clock(textAt(one, 'at'))} ${textAt(one, 'id')}: ${counted(numberAt(one, 'targets'), 'target')}`)
        tellEdges(out, rowsAt(one, 'edges'))
      }
    })
    return health.every((row) => textAt(row, 'error', 'code') === '') ? 'done' : 'unhealthy'
  },
}

export const cdnLocations: Command = {
  name: 'cdn locations',
  group: 'look',
  summary: 'list the locations of the edges of the CDN and their state; exit 3 if one is down',
  positionals: [],
  options: ['distribution', 'zone', 'service'],
  fields: ['edges'],
  example: 'millpond cdn locations',
  scope: 'metrics:read',
  async run(context) {
    const { given, out } = context
    const client = await context.client()
    const edges = rowsAt((await client.get('cdn/locations/', siteOf(given))).body, 'edges')
    const places = edges.flatMap((one) => rowsAt(one, 'found').map((place) => ({ edge: textAt(one, 'edge'), place })))
    await out.answer('cdn.locations', { edges }, () => {
      for (const one of edges)
        if (textAt(one, 'error', 'message') !== '')
          out.error(text`${textAt(one, 'edge')}: ${textAt(one, 'error', 'message')}`)
      out.table(
        [
          { title: 'EDGE' },
          { title: 'CODE' },
          { title: 'WHERE', gives: true },
          { title: 'REGION', gives: true },
          { title: 'STATE' },
          { title: 'MET', isNumber: true },
        ],
        places.map(({ edge, place }) => [
          edge,
          textAt(place, 'code'),
          textAt(place, 'name'),
          textAt(place, 'region'),
          textAt(place, 'state'),
          at(place, 'met') === null ? '-' : `${Math.round(numberAt(place, 'met', 'ms') ?? 0)} ms`,
        ]),
      )
    })
    const isDown = places.some(({ place }) => textAt(place, 'state') === 'down')
    return isDown || edges.some((one) => textAt(one, 'error', 'code') !== '') ? 'unhealthy' : 'done'
  },
}

export const cdnUpload: Command = {
  name: 'cdn upload',
  group: 'act',
  summary: "have the control plane upload one of its own folders; 'cdn status' lists them",
  positionals: ['[FOLDER]'],
  options: ['path', 'reason', 'dry-run', 'detach'],
  fields: ['operation'],
  example: "millpond cdn upload site --reason 'release 812'",
  scope: 'cdn:write',
  async run(context) {
    const { given, out } = context
    const assets = given.texts('path').map((path) => ({ path }))
    const body = { ...folderOf(given), ...(assets.length > 0 && { assets }), dry_run: given.flag('dry-run') }
    const client = await context.client()
    const operation = await followed(context, client, await client.post('cdn/upload_assets/', body, SOON), 'files')
    await out.answer('cdn.upload', { operation }, () => {
      if (isRunning(operation)) return tellOperation(context, operation)
      const of = (name: string) => numberAt(operation, 'result', name)
      const did = given.flag('dry-run') ? 'would be' : 'were'
      out.line(
        text`${counted(of('files'), 'file')}, ${count(of('unchanged'))} unchanged: ${counted(of('sent'), 'object')} (${bytes(of('bytes'))}) ${did} sent`,
      )
    })
    return exitOf(operation)
  },
}

export const cdnImages: Command = {
  name: 'cdn images',
  group: 'act',
  summary:
    "have the control plane make the pictures of one of its own folders smaller; 'cdn status' lists the folders; exit 7 if some cannot be converted",
  positionals: ['[FOLDER]'],
  options: ['path', 'formats', 'reason', 'detach'],
  fields: ['operation'],
  example: 'millpond cdn images photos --formats webp,avif',
  scope: 'cdn:write',
  async run(context) {
    const { given, out } = context
    const paths = given.texts('path')
    const body = {
      ...folderOf(given),
      ...(paths.length > 0 && { image_paths: paths }),
      ...(given.has('formats') && { formats: given.list('formats') }),
    }
    const client = await context.client()
    const operation = await followed(context, client, await client.post('cdn/optimize_images/', body, SOON), 'pictures')
    await out.answer('cdn.images', { operation }, () => {
      if (isRunning(operation)) return tellOperation(context, operation)
      for (const row of rowsAt(operation, 'result', 'failures'))
        out.error(text`${textAt(row, 'path')}: ${textAt(row, 'message')}`)
      const of = (name: string) => numberAt(operation, 'result', name)
      out.line(
        text`${counted(of('images'), 'picture')}: ${count(of('made'))} made, ${count(of('unchanged'))} unchanged, ${count(of('failed'))} failed; ${bytes(of('bytes_before'))} before, ${bytes(of('bytes_after'))} after`,
      )
    })
    return exitOf(operation)
  },
}

function folderOf(given: Context['given']): Record<string, string> {
  const [folder] = given.positionals
  const reason = given.text('reason')
  return { ...(folder !== undefined && { folder }), ...(reason !== undefined && { reason }) }
}

export const cdnAnalytics: Command = {
  name: 'cdn analytics',
  group: 'look',
  summary: 'show requests, hit ratio, bytes and errors of the CDN, as counted by its vendors',
  positionals: [],
  options: ['days', 'distribution', 'zone', 'service'],
  fields: ['edges'],
  example: 'millpond cdn analytics --days 14',
  scope: 'metrics:read',
  async run(context) {
    const { given, out } = context
    const client = await context.client()
    const { body } = await client.get('cdn/analytics/', {
      ...siteOf(given),
      ...(given.has('days') && { days: given.number('days') }),
    })
    const edges = rowsAt(body, 'edges')
    await out.answer('cdn.analytics', { edges }, () => {
      out.table(
        [
          { title: 'EDGE' },
          { title: 'REQUESTS', isNumber: true },
          { title: 'HIT%', isNumber: true },
          { title: 'BYTES', isNumber: true },
          { title: '4XX%', isNumber: true },
          { title: '5XX%', isNumber: true },
          { title: 'SAYS', gives: true },
        ],
        edges.map((one) => [
          textAt(one, 'edge'),
          count(numberAt(one, 'found', 'requests')),
          percent(numberAt(one, 'found', 'hit_ratio')),
          bytes(numberAt(one, 'found', 'bytes')),
          percent(numberAt(one, 'found', 'client_error_ratio')),
          percent(numberAt(one, 'found', 'server_error_ratio')),
          textAt(one, 'error', 'message'),
        ]),
      )
    })
    return edges.length === 0 || edges.some((one) => textAt(one, 'error', 'code') === '') ? 'done' : 'partial'
  },
}

/** A distribution is CloudFront's, a zone Cloudflare's, a service Fastly's. */
function siteOf(given: Context['given']): Record<string, string> {
  const named = (['distribution', 'zone', 'service'] as const).filter((one) => given.has(one))
  if (named.length > 1) throw wrongUse(`${named.map((one) => `--${one}`).join(' and ')}: name one of them`)
  return Object.fromEntries(named.map((one) => [`${one}_id`, given.text(one) ?? '']))
}

function healthOf(row: Row | undefined): string {
  if (row === undefined) return '-'
  const error = textAt(row, 'error', 'message')
  if (error !== '') return error
  return at(row, 'found', 'is_ready') === true ? 'ok' : textsAt(row, 'found', 'notes').join('; ')
}

function tellEdges(out: Context['out'], edges: readonly Row[]): void {
  for (const one of edges) {
    out.line(
      text`  ${textAt(one, 'edge')}: ${textAt(one, 'state')}, ${count(numberAt(one, 'purged'))} of ${count(numberAt(one, 'targets'))} in ${counted(numberAt(one, 'requests'), 'request')}`,
    )
    for (const failure of rowsAt(one, 'failures'))
      out.line(text`    ${joined(textsAt(failure, 'targets'), ', ')}: ${textAt(failure, 'message')}`)
  }
}

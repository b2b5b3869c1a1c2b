// CloudFront as its API reference describes it (2020-05-31, REST with XML): invalidations that take their time, with
// what may be in progress at once; and the figures of CloudWatch.

import { faultOfSignature } from './sigv4.ts'
import { type Answer, json, parse, serve, type Wire } from './wire.ts'

const DISTRIBUTION = 'EDFDVBD6EXAMPLE'
const KEYS = { id: 'AKIDEXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG+hidden' }
const NS = 'http://cloudfront.amazonaws.com/doc/2020-05-31/'

export interface CloudFrontServer extends Wire {
  readonly distribution: string
  readonly keys: typeof KEYS
  readonly purged: string[]
}

interface Invalidation {
  readonly id: string
  readonly reference: string
  readonly paths: readonly string[]
  readonly doneAt: number
}

const unescaped = (text: string): string =>
  text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&')
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** @param lastsMs how long an invalidation takes. */
export async function cloudFrontServer(now: () => number, lastsMs = 5000): Promise<CloudFrontServer> {
  const made: Invalidation[] = []
  const purged: string[] = []
  const refused = (status: number, code: string, message: string): Answer => ({
    status,
    headers: { 'content-type': 'text/xml' },
    body: `<?xml version="1.0"?><ErrorResponse xmlns="${NS}"><Error><Type>Sender</Type><Code>${code}</Code><Message>${escaped(message)}</Message></Error><RequestId>62e9a1ab</RequestId></ErrorResponse>`,
  })
  const told = (status: number, one: Invalidation): Answer => ({
    status,
    headers: {
      'content-type': 'text/xml',
      location: `https://cloudfront.amazonaws.com/2020-05-31/distribution/${DISTRIBUTION}/invalidation/${one.id}`,
    },
    body: `<?xml version="1.0"?><Invalidation xmlns="${NS}"><Id>${one.id}</Id><Status>${now() >= one.doneAt ? 'Completed' : 'InProgress'}</Status><CreateTime>2026-11-27T00:00:00.000Z</CreateTime><InvalidationBatch><Paths><Quantity>${one.paths.length}</Quantity><Items>${one.paths.map((path) => `<Path>${escaped(path)}</Path>`).join('')}</Items></Paths><CallerReference>${one.reference}</CallerReference></InvalidationBatch></Invalidation>`,
  })

  const wire = await serve((asked, fault) => {
    const { method, path, headers, body } = asked
    const isFigures = headers['x-amz-target'] !== undefined
    const wrong = faultOfSignature(asked, KEYS, isFigures ? 'monitoring' : 'cloudfront')
    // Keys that are wrong are what some tests are about.
    if (wrong?.startsWith('signed by') === true)
      return refused(403, 'InvalidClientTokenId', 'The security token included in the request is invalid.')
    if (wrong === 'the signature does not match' && !headers.authorization?.includes(KEYS.id)) fault(wrong)
    if (wrong !== undefined) {
      if (wrong !== 'the signature does not match') fault(wrong)
      return refused(
        403,
        'SignatureDoesNotMatch',
        'The request signature we calculated does not match the signature you provided.',
      )
    }
    if (isFigures) return figures(headers['x-amz-target'], parse(body), fault)
    const [, distribution, rest, id] =
      /^\/2020-05-31\/distribution\/([^/]+)(?:\/(invalidation)(?:\/([^/]+))?)?$/.exec(path) ?? []
    if (distribution === undefined) fault('not a path of the API')
    if (distribution !== DISTRIBUTION)
      return refused(404, 'NoSuchDistribution', 'The specified distribution does not exist.')
    if (rest === undefined)
      return {
        status: 200,
        headers: { 'content-type': 'text/xml', etag: 'E2QWRUHEXAMPLE' },
        body: `<?xml version="1.0"?><Distribution xmlns="${NS}"><Id>${DISTRIBUTION}</Id><ARN>arn:aws:cloudfront::123456789012:distribution/${DISTRIBUTION}</ARN><Status>Deployed</Status><DomainName>d111111abcdef8.cloudfront.net</DomainName><DistributionConfig><Enabled>true</Enabled></DistributionConfig></Distribution>`,
      }
    if (method === 'GET') {
      const found = made.find((one) => one.id === id)
      return found === undefined
        ? refused(404, 'NoSuchInvalidation', 'The specified invalidation does not exist.')
        : told(200, found)
    }
    if (method !== 'POST') fault('an invalidation is a POST')
    if (!body.includes(`<InvalidationBatch xmlns="${NS}">`)) fault('not an InvalidationBatch')
    const [, reference] = /<CallerReference>([^<]+)<\/CallerReference>/.exec(body) ?? []
    const [, quantity] = /<Quantity>(\d+)<\/Quantity>/.exec(body) ?? []
    const paths = [...body.matchAll(/<Path>([^<]*)<\/Path>/g)].map(([, one]) => unescaped(one ?? ''))
    if (reference === undefined) fault('no CallerReference')
    if (Number(quantity) !== paths.length) fault('Quantity is not how many paths there are')
    const again = made.find((one) => one.reference === reference)
    if (again !== undefined)
      return again.paths.join() === paths.join()
        ? told(201, again)
        : refused(400, 'InvalidationBatchAlreadyExists', 'another batch')
    if (new Set(paths).size < paths.length) fault('a path is named twice')
    for (const one of paths)
      if (!/^\/[\x21-\x7e]*$|^#[\x21-\x2b\x2d-\x7e]{1,256}$/.test(one)) fault(`${one} is neither a path nor a tag`)
    if (paths.some((one) => one.includes('~')))
      return refused(400, 'InvalidArgument', 'Your request contains one or more invalid invalidation paths.')
    const running = made.filter((one) => now() < one.doneAt).flatMap((one) => one.paths)
    const wild = (all: readonly string[]): number =>
      all.filter((one) => one.startsWith('/') && one.endsWith('*')).length
    if (wild(running) + wild(paths) > 15 || running.length - wild(running) + paths.length - wild(paths) > 3000)
      return refused(
        400,
        'TooManyInvalidationsInProgress',
        'Processing your request will cause you to exceed the maximum number of in-progress wildcard invalidations.',
      )
    const one: Invalidation = {
      id: `I${made.length}EXAMPLE`,
      reference: reference ?? '',
      paths,
      doneAt: now() + lastsMs,
    }
    made.push(one)
    purged.push(...paths)
    return told(201, one)
  })
  return Object.assign(wire, { distribution: DISTRIBUTION, keys: KEYS, purged })
}

function figures(target: unknown, asked: unknown, fault: (what: string) => void): Answer {
  if (target !== 'GraniteServiceVersion20100801.GetMetricData') fault(`not GetMetricData: ${target}`)
  const queries: unknown =
    typeof asked === 'object' && asked !== null ? Reflect.get(asked, 'MetricDataQueries') : undefined
  const values: Readonly<Record<string, readonly number[]>> = {
    Requests: [100, 300],
    BytesDownloaded: [1000, 3000],
    '4xxErrorRate': [2, 2],
    '5xxErrorRate': [0, 0],
    CacheHitRate: [90, 70],
  }
  const results = (Array.isArray(queries) ? queries : []).map(
    (query: {
      Id: string
      MetricStat: {
        Metric: { Namespace: string; MetricName: string; Dimensions: readonly { Name: string; Value: string }[] }
      }
    }) => {
      const { Namespace, MetricName, Dimensions } = query.MetricStat.Metric
      if (Namespace !== 'AWS/CloudFront') fault(`the namespace is ${Namespace}`)
      if (!Dimensions.some(({ Name, Value }) => Name === 'Region' && Value === 'Global'))
        fault('the region is not Global')
      if (!Dimensions.some(({ Name, Value }) => Name === 'DistributionId' && Value === DISTRIBUTION))
        fault('another distribution')
      if (values[MetricName] === undefined) fault(`${MetricName} is not a metric of CloudFront`)
      return {
        Id: query.Id,
        Label: MetricName,
        StatusCode: 'Complete',
        Timestamps: [1_795_564_800, 1_795_651_200],
        Values: values[MetricName] ?? [],
      }
    },
  )
  return json(200, { MetricDataResults: results, Messages: [] })
}

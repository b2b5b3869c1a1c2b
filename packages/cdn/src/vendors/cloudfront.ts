// CloudFront: a distribution is invalidated by paths, by tags if it reads them, or as a whole. The AWS SDK signs
// requests.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Invalidation.html
import type { CloudFrontClient } from '@aws-sdk/client-cloudfront'
import { check, checkOptions, type Duration, duration, flag, type Shape, text } from 'millpond/options'
import { type AwsCredentials, awsCredentials } from '../credentials.ts'
import type { Edge, EdgeCall, EdgeFigures, EdgeLimit, EdgePurge, EdgeSend, EdgeState } from '../edge.ts'
import { CdnError } from '../errors.ts'
import { type SecretLike, secretOf } from '../secret.ts'
import type { PurgeTarget } from '../target.ts'
import { awsError, signIn } from './aws.ts'
import { cloudFrontFigures } from './cloudfront-figures.ts'
import { apiUrl, daysBack, ownSite, siteOf, timeoutOf, unsupported } from './common.ts'

export interface CloudFrontOptions {
  /** Default `'cloudfront'`. */
  readonly name?: string | undefined
  /**
   * Default: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`; without these the SDK's defaults
   * (profile, role). They need cloudfront:CreateInvalidation, cloudfront:GetInvalidation, cloudfront:GetDistribution,
   * and cloudwatch:GetMetricData for metrics.
   */
  readonly credentials?:
    | {
        readonly accessKeyId: string
        readonly secretAccessKey: SecretLike
        readonly sessionToken?: SecretLike | undefined
      }
    | undefined
  /** The distribution's id. Default: `CLOUDFRONT_DISTRIBUTION_ID`. */
  readonly distribution?: string | undefined
  /**
   * Whether the distribution reads tags (`CacheTagConfig`), so that it can be purged by them. Default `false`: a tag is
   * an error.
   */
  readonly tags?: boolean | undefined
  /** Default `https://cloudfront.amazonaws.com`. */
  readonly api?: string | undefined
  /** The endpoint of CloudWatch, for metrics. Default: that of us-east-1, where CloudFront writes them. */
  readonly figuresApi?: string | undefined
  /** The timeout of a request. Default `'30s'`. */
  readonly timeout?: Duration | undefined
}

const OPTIONS: Shape<CloudFrontOptions> = {
  name: text,
  credentials: check(
    (value): value is NonNullable<CloudFrontOptions['credentials']> =>
      typeof value === 'object' && value !== null && 'accessKeyId' in value && 'secretAccessKey' in value,
    'accessKeyId and secretAccessKey',
  ),
  distribution: text,
  tags: flag,
  api: apiUrl,
  figuresApi: apiUrl,
  timeout: duration,
}

/**
 * In progress per distribution: 3,000 paths, of those with a wildcard 15. Tags are counted with the paths; if
 * CloudFront counts differently it refuses, and the request is retried.
 */
const SOURCE = 'https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/InvalidationLimits.html'
const LIMITS: readonly EdgeLimit[] = [
  { kinds: ['path', 'tag'], perRequest: 3000, cost: 'target', burst: 3000, perSecond: 0, source: SOURCE },
  { kinds: ['prefix', 'everything'], perRequest: 15, cost: 'target', burst: 15, perSecond: 0, source: SOURCE },
]

/** A CloudFront distribution as an edge. @throws MillpondError `OPTION_INVALID`, CdnError `CREDENTIALS_MISSING` */
export function cloudFront(options: CloudFrontOptions = {}): Edge {
  checkOptions<CloudFrontOptions>(options, OPTIONS, 'cloudFront')
  const { name = 'cloudfront', tags = false } = options
  const vendor = 'cloudfront'
  const credentials = ownCredentials(options.credentials) ?? awsCredentials()
  const distribution = ownSite(options.distribution, vendor, 'distribution', 'CLOUDFRONT_DISTRIBUTION_ID')
  const timeoutMs = timeoutOf(options.timeout)
  let client: Promise<CloudFrontClient> | undefined
  const open = (): Promise<CloudFrontClient> => (client ??= connect(credentials, options.api, timeoutMs))
  const idOf = (site: string | undefined): string =>
    siteOf(site ?? distribution, vendor, 'distribution', 'CLOUDFRONT_DISTRIBUTION_ID')

  const ask = async <T>(
    about: string,
    permission: string,
    call: EdgeCall,
    work: (sdk: Sdk, client: CloudFrontClient) => Promise<T>,
  ): Promise<T> => {
    const [sdk, opened] = await Promise.all([load(), open()])
    try {
      return await work(sdk, opened)
    } catch (error) {
      throw awsError(error, { vendor, about, permission, credentials, timeoutMs, signal: call.signal })
    }
  }

  return {
    name,
    vendor,
    abilities: {
      purge: ['url', 'path', ...(tags ? (['tag'] as const) : []), 'prefix', 'everything'],
      soft: [],
      status: true,
      analytics: true,
      locations: false,
    },
    limits: LIMITS,
    site: distribution,
    plan: (target) => planned(target, tags, vendor),
    limitOf: (target) =>
      target.kind === 'everything' || (target.kind === 'path' && target.path.endsWith('*')) ? 1 : 0,
    send({ targets, site, reference, signal }: EdgeSend): Promise<EdgePurge> {
      const id = idOf(site)
      const items = targets.map((one) => (one.kind === 'tag' ? `#${one.tag}` : one.kind === 'path' ? one.path : '/*'))
      return ask(
        `distribution ${id}`,
        'cloudfront:CreateInvalidation',
        { signal },
        async ({ CreateInvalidationCommand }, opened) => {
          const Paths = { Quantity: items.length, Items: items }
          const input = { DistributionId: id, InvalidationBatch: { CallerReference: reference, Paths } }
          const { Invalidation } = await opened.send(
            new CreateInvalidationCommand(input),
            signal === undefined ? {} : { abortSignal: signal },
          )
          return { id: Invalidation?.Id, isDone: Invalidation?.Status === 'Completed' }
        },
      )
    },
    status(purge, call): Promise<EdgePurge> {
      const id = idOf(call.site)
      return ask(
        `purge ${purge} of distribution ${id}`,
        'cloudfront:GetInvalidation',
        call,
        async ({ GetInvalidationCommand }, opened) => {
          const { Invalidation } = await opened.send(new GetInvalidationCommand({ DistributionId: id, Id: purge }))
          return { id: purge, isDone: Invalidation?.Status === 'Completed' }
        },
      )
    },
    figures(days, call): Promise<EdgeFigures> {
      return cloudFrontFigures({
        ...daysBack(days),
        distribution: idOf(call.site),
        credentials,
        api: options.figuresApi,
        timeoutMs,
        signal: call.signal,
      })
    },
    state(call): Promise<EdgeState> {
      const id = idOf(call.site)
      return ask(
        `distribution ${id}`,
        'cloudfront:GetDistribution',
        call,
        async ({ GetDistributionCommand }, opened) => {
          const { Distribution } = await opened.send(new GetDistributionCommand({ Id: id }))
          const config = Distribution?.DistributionConfig
          const notes = [
            ...(config?.Enabled === false ? ['the distribution is disabled'] : []),
            ...(Distribution?.Status === 'Deployed'
              ? []
              : [`the distribution is ${Distribution?.Status ?? 'unknown'}`]),
            ...(tags && config?.CacheTagConfig === undefined
              ? ['the distribution ignores tags: configure CacheTagConfig, otherwise a purge by tag finds nothing']
              : []),
          ]
          return { site: id, name: Distribution?.DomainName, isReady: notes.length === 0, notes }
        },
      )
    },
  }
}

type Sdk = typeof import('@aws-sdk/client-cloudfront')

async function load(): Promise<Sdk> {
  try {
    return await import('@aws-sdk/client-cloudfront')
  } catch (cause) {
    throw new CdnError('PACKAGE_MISSING', 'it needs a package: npm install @aws-sdk/client-cloudfront', {
      vendor: 'cloudfront',
      cause,
    })
  }
}

async function connect(
  credentials: AwsCredentials | undefined,
  api: string | undefined,
  timeoutMs: number,
): Promise<CloudFrontClient> {
  const { CloudFrontClient: Client } = await load()
  return new Client({
    // It has one region, whatever the environment says.
    region: 'us-east-1',
    // Retries are done where the rate limits are kept.
    maxAttempts: 1,
    requestHandler: { requestTimeout: timeoutMs, connectionTimeout: timeoutMs },
    ...(api === undefined ? {} : { endpoint: api }),
    ...signIn(credentials),
  })
}

function ownCredentials(given: CloudFrontOptions['credentials']): AwsCredentials | undefined {
  if (given === undefined) return undefined
  const { accessKeyId, secretAccessKey, sessionToken } = given
  return {
    accessKeyId,
    secretAccessKey: secretOf(secretAccessKey),
    ...(sessionToken === undefined ? {} : { sessionToken: secretOf(sessionToken) }),
  }
}

/** It caches by path: the host of a URL makes no difference there. */
function planned(target: PurgeTarget, tags: boolean, vendor: string): PurgeTarget {
  switch (target.kind) {
    case 'url': {
      const { pathname, search } = new URL(target.url)
      return { kind: 'path', path: pathname + search }
    }
    case 'prefix':
      return { kind: 'path', path: `${target.prefix.slice(target.prefix.indexOf('/'))}*` }
    case 'host':
      throw unsupported(
        vendor,
        'cannot purge by host',
        'purge by paths, or everything; to purge one host, give it its own distribution',
      )
    case 'tag':
      if (!tags)
        throw unsupported(
          vendor,
          `is not set up for tags such as ${JSON.stringify(target.tag)}`,
          'configure CacheTagConfig on the distribution and give cloudFront({ tags: true }), or purge by paths',
        )
      if (target.tag.length > 256)
        throw new CdnError(
          'TARGET_INVALID',
          `the tag ${target.tag.slice(0, 40)}… is longer than 256 characters: hash it on both sides`,
          {
            vendor,
          },
        )
      // Tags are case-insensitive there; duplicates in a request are refused.
      return { kind: 'tag', tag: target.tag.toLowerCase() }
    default:
      return target
  }
}

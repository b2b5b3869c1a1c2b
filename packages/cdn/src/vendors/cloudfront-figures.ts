// The metrics of a distribution, which CloudFront writes into CloudWatch in us-east-1.
//
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html
import type { MetricDataQuery, MetricDataResult } from '@aws-sdk/client-cloudwatch'
import type { AwsCredentials } from '../credentials.ts'
import type { EdgeFigures } from '../edge.ts'
import { CdnError } from '../errors.ts'
import { sum } from '../read.ts'
import { awsError, signIn } from './aws.ts'

export interface FiguresQuery {
  readonly distribution: string
  readonly from: string
  readonly to: string
  readonly credentials: AwsCredentials | undefined
  readonly api: string | undefined
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

const DAY_S = 86_400
/** The last exists only if the distribution's additional metrics are enabled. */
const METRICS = [
  ['requests', 'Requests', 'Sum'],
  ['bytes', 'BytesDownloaded', 'Sum'],
  ['client', '4xxErrorRate', 'Average'],
  ['server', '5xxErrorRate', 'Average'],
  ['hits', 'CacheHitRate', 'Average'],
] as const

export async function cloudFrontFigures(query: FiguresQuery): Promise<EdgeFigures> {
  const { distribution, from, to, credentials, api, timeoutMs, signal } = query
  const { CloudWatchClient, GetMetricDataCommand } = await load()
  const client = new CloudWatchClient({
    region: 'us-east-1',
    requestHandler: { requestTimeout: timeoutMs, connectionTimeout: timeoutMs },
    ...(api === undefined ? {} : { endpoint: api }),
    ...signIn(credentials),
  })
  const Dimensions = [
    { Name: 'DistributionId', Value: distribution },
    { Name: 'Region', Value: 'Global' },
  ]
  const MetricDataQueries = METRICS.map(
    ([Id, MetricName, Stat]): MetricDataQuery => ({
      Id,
      MetricStat: { Metric: { Namespace: 'AWS/CloudFront', MetricName, Dimensions }, Period: DAY_S, Stat },
    }),
  )
  try {
    const input = {
      StartTime: new Date(from),
      EndTime: new Date(to),
      ScanBy: 'TimestampAscending' as const,
      MetricDataQueries,
    }
    const { MetricDataResults = [] } = await client.send(
      new GetMetricDataCommand(input),
      signal === undefined ? {} : { abortSignal: signal },
    )
    return { from, to, ...read(MetricDataResults) }
  } catch (error) {
    throw awsError(error, {
      vendor: 'cloudfront',
      about: `figures of distribution ${distribution}`,
      permission: 'cloudwatch:GetMetricData',
      credentials,
      timeoutMs,
      signal,
    })
  } finally {
    client.destroy()
  }
}

function read(results: readonly MetricDataResult[]): Omit<EdgeFigures, 'from' | 'to'> {
  const series = (id: string): ReadonlyMap<string, number> => {
    const { Timestamps = [], Values = [] } = results.find((one) => one.Id === id) ?? {}
    return new Map(
      Timestamps.flatMap((at, index) =>
        Values[index] === undefined ? [] : [[at.toISOString().slice(0, 10), Values[index]] as const],
      ),
    )
  }
  const [requests, bytes, client, server, hits] = METRICS.map(([id]) => series(id))
  const all = sum([...(requests?.values() ?? [])])
  const asked = (day: string): number => requests?.get(day) ?? 0
  /** Daily averages are weighted by requests. Percent there, a ratio here. */
  const mean = (of: ReadonlyMap<string, number> | undefined): number | undefined => {
    const weight = sum([...(of?.keys() ?? [])].map(asked))
    return of === undefined || weight === undefined || weight === 0
      ? undefined
      : (sum([...of].map(([day, value]) => value * asked(day))) ?? 0) / weight / 100
  }
  const hitRatio = mean(hits)
  const hitCount = hitRatio === undefined || all === undefined ? undefined : Math.round(hitRatio * all)
  return {
    requests: all,
    hits: hitCount,
    misses: hitCount === undefined || all === undefined ? undefined : all - hitCount,
    hitRatio,
    bytes: sum([...(bytes?.values() ?? [])]),
    clientErrors: mean(client),
    serverErrors: mean(server),
    days: [...(requests ?? [])].map(([day, count]) => {
      const share = hits?.get(day)
      return { day, requests: count, hitRatio: share === undefined ? undefined : share / 100, bytes: bytes?.get(day) }
    }),
  }
}

async function load(): Promise<typeof import('@aws-sdk/client-cloudwatch')> {
  try {
    return await import('@aws-sdk/client-cloudwatch')
  } catch (cause) {
    throw new CdnError('PACKAGE_MISSING', 'its figures need a package: npm install @aws-sdk/client-cloudwatch', {
      vendor: 'cloudfront',
      cause,
    })
  }
}

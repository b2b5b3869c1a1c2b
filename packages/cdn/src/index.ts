// `@millpond/cdn`: the outermost tier.

export { type EdgeTagFields, edgeTag, edgeTagFields } from 'millpond/http/middlewares'
export {
  type ByEdge,
  type Cdn,
  type CdnOptions,
  createCdn,
  type DescribedEdge,
  type EdgeSelection,
  type PurgeOptions,
  type PurgeReport,
} from './cdn.ts'
export type { Time } from './clock.ts'
export { type AwsCredentials, awsCredentials, type Environment } from './credentials.ts'
export type { Edge, EdgeAbilities, EdgeCall, EdgeFigures, EdgeLimit, EdgePurge, EdgeSend, EdgeState } from './edge.ts'
export { edgeTargets } from './edge-targets.ts'
export { cdnFromEnvironment, edgesFromEnvironment } from './environment.ts'
export { CdnError, type CdnErrorCode, type CdnErrorDetails } from './errors.ts'
export type { CdnFolderOptions, DescribedFolder, FolderImagesOptions, FolderUploadOptions } from './folders.ts'
export type { CdnIssue } from './issue.ts'
export type { EdgeLocation } from './locations.ts'
export type { CdnOutlet, CdnOutletOptions, CdnOutletState, CdnProgress } from './outlet.ts'
export type { Probe, ProbeOptions, ProbeResult } from './probe.ts'
export type { EdgeReport, PurgeFailure } from './purge.ts'
export { Secret, type SecretLike } from './secret.ts'
export type { PurgeKind, PurgeTarget, PurgeTargetLike } from './target.ts'
export { type CloudflareOptions, type CloudflarePlan, cloudflare } from './vendors/cloudflare.ts'
export { type CloudFrontOptions, cloudFront } from './vendors/cloudfront.ts'
export { type FastlyOptions, fastly } from './vendors/fastly.ts'
export { type MillpondProxyOptions, millpondProxy } from './vendors/millpond-proxy.ts'

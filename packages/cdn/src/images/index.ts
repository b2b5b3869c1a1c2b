// `@millpond/cdn/images`: image optimisation, ahead of time or on demand, always by jobs.
export { CdnError, type CdnErrorCode } from '../errors.ts'
export { type ImageEntry, type ImageManifest, type ImageVariant, type PictureOptions, pictureMarkup } from './entry.ts'
export { folderSource } from './folder-source.ts'
export { createImageHandler, type ImageHandler, type ImageHandlerOptions } from './handler.ts'
export {
  type ImageProgress,
  type OptimizeOptions,
  type OptimizeReport,
  optimizeImages,
  workOnImages,
} from './optimize.ts'
export type { ImageOptions } from './options.ts'
export type { ImageSource } from './renderer.ts'
export type { ImageKeys, ImageRequest } from './signed.ts'
export type { ImageFormat } from './sniff.ts'
export type { ImageJobs } from './waiting.ts'

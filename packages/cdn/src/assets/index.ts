// `@millpond/cdn/assets`: static files under immutable names, with the headers and variants that let the edge keep
// them.
export type { Encoding } from './encode.ts'
export { type FolderStoreOptions, folderStore } from './folder.ts'
export {
  type AssetManifest,
  assetUrls,
  type ManifestFile,
  type ManifestObject,
  type ReadManifest,
  readManifest,
} from './manifest.ts'
export { type Naming, usualNaming } from './names.ts'
export type { AssetFile, UploadOptions, UploadProgress } from './options.ts'
export { type S3ClientLike, type S3StoreOptions, s3Store } from './s3.ts'
export type { AssetBody, AssetObject, AssetStore, ListedObject, ObjectFacts } from './store.ts'
export { type UploadReport, uploadAssets } from './upload.ts'
export type { SkippedFile } from './walk.ts'

// How values are stored as bytes: the frame, the lossless formats, compression, encryption and its keys, limits, and
// the selection of fields.
export type { CodecOptions, CompressOptions, EncryptedCodecOptions, KeyRing } from '../core/codec-options.ts'
export type { KeyStore, Rejection, ShreddedKeys } from '../core/contracts.ts'
export type { Read, ValueFormat, Written } from './format.ts'
export { type FrameCodecOptions, frameCodec } from './frame-codec.ts'
export { type HybridKeys, type HybridOptions, hybridKeyService, newHybridKeys } from './hybrid.ts'
export { type JsonCodecOptions, jsonCodec } from './json.ts'
export { jsonFormat } from './json-format.ts'
export type { KeyBytes } from './key-bytes.ts'
export {
  environmentKeyring,
  type FileKeyring,
  fileKeyring,
  type KeyService,
  newWrappedKey,
  type WrappedKeyring,
  type WrappedKeyringOptions,
  wrappedKeyring,
} from './key-sources.ts'
export { folderKeyStore, memoryKeyStore } from './key-stores.ts'
export { type KeyringOptions, keyring, type LiveKeyring } from './keyring.ts'
export { type CodecLimits, resolveLimits } from './limits.ts'
export { type KeyedNames, keyedNames } from './names.ts'
export { type Field, type FieldName, type Selection, select } from './select.ts'
export { type StoredKeyring, type StoredKeyringOptions, storedKeyring } from './stored-keyring.ts'
export type { KeyRotation, RotateAfter } from './stored-rotation.ts'
export { tenantId } from './tenant-id.ts'
export {
  type RewrapOptions,
  type Rewrapped,
  type TenantKeyring,
  type TenantKeyringOptions,
  tenantKeyring,
} from './tenant-keyring.ts'
export type { SharedContext, Transform, TransformContext } from './transform.ts'
export { valueCodec } from './value-codec.ts'

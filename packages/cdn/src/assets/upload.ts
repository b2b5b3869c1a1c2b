// An upload: sends what is missing, first referenced files, then pages, the manifest last. An interrupted upload is
// continued by the next one.
import { CdnError } from '../errors.ts'
import { each } from './each.ts'
import { sha256OfBytes } from './hash.ts'
import type { AssetManifest } from './manifest.ts'
import { manifestBytes, readManifest } from './manifest.ts'
import { nextManifest, withoutObjects } from './next-manifest.ts'
import { settingsOf, type UploadOptions, type UploadSettings } from './options.ts'
import { type PlannedFile, planned } from './plan.ts'
import { Sending } from './sending.ts'
import type { ListedObject } from './store.ts'
import { filesIn, invalid, type SkippedFile } from './walk.ts'

export interface UploadReport {
  /** Files of the folder. */
  readonly files: number
  /** Of these, those for which nothing had to be sent. */
  readonly unchanged: number
  /** Keys that were written, or would be: files and variants. The manifest is not included. */
  readonly sent: readonly string[]
  /** Bytes of `sent`. */
  readonly bytes: number
  /** Old objects that were deleted, or would be. */
  readonly dropped: readonly string[]
  /** Old objects that are kept for now. */
  readonly kept: number
  /** Files of the folder that are not uploaded, each with the reason. */
  readonly passedBy: readonly SkippedFile[]
  /** Undefined: nothing changed, and it was not written. */
  readonly manifestWritten: string | undefined
  /** The manifest as it is now, or would be. */
  readonly manifest: AssetManifest
  /** `true`: nothing was sent or deleted. */
  readonly dryRun: boolean
}

/**
 * Uploads a folder's files under names with their content hash, with type, cache headers and compressed variants, and
 * writes a manifest. References in pages and style sheets are not rewritten: the build does that, by
 * `assetUrls(manifest)` or by hashing names itself (`naming`).
 *
 * Rejects on the first file that cannot be sent; the manifest then stays as it was, and the next upload finds what was
 * sent.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`; CdnError `TARGET_INVALID` for a file that cannot be an
 * asset, `CHANGED` if files or the manifest were written meanwhile, `NOT_FOUND`, `CREDENTIALS_MISSING`,
 * `CREDENTIALS_REFUSED`, `RATE_LIMITED`, `REFUSED`, `VENDOR_FAILED`, `UNREACHABLE` from the store, `ABORTED`.
 */
export async function uploadAssets(options: UploadOptions): Promise<UploadReport> {
  const settings = settingsOf(options)
  const { files, passedBy } = await filesIn(settings.folder)
  const before = await readManifest(settings.to, settings.manifest)
  const listed = new Map<string, ListedObject>()
  for await (const object of settings.to.list()) listed.set(object.key, object)
  stopped(settings)
  const plan = await planned(chosen(files, settings), settings)
  if (plan.some(({ key }) => key === settings.manifest))
    throw invalid(settings.manifest, 'is the name of the manifest: rename the file, or the manifest')
  const sending = new Sending(settings, before.manifest, listed)
  const told = teller(settings, sending, plan.length)
  for (const isLast of [false, true])
    await each(
      plan.filter(({ naming }) => (naming === 'keep') === isLast),
      settings.concurrency,
      async (file) => {
        stopped(settings)
        told(file, await sending.file(file))
      },
    ).catch((error: unknown) => {
      throw settings.signal?.aborted === true ? cut() : error
    })
  const { manifest, expired, isSame } = nextManifest(before.manifest, sending.done, [...listed.values()], settings)
  const report = {
    files: plan.length,
    unchanged: sending.unchanged,
    sent: sending.sent,
    bytes: sending.bytes,
    dropped: expired,
    kept: Object.values(manifest.objects).filter(({ retired_at }) => retired_at !== undefined).length - expired.length,
    passedBy,
    dryRun: settings.isDry,
  }
  const rest = withoutObjects(manifest, expired)
  if (settings.isDry || (isSame && expired.length === 0))
    return { ...report, manifestWritten: undefined, manifest: rest }
  // Objects are deleted only after the manifest was overwritten with a version check: no other upload has started to
  // use them meanwhile.
  const version = await write(manifest, before.version, settings)
  if (expired.length > 0) {
    await settings.to.drop(expired)
    await write(rest, version, settings)
  }
  return { ...report, manifestWritten: settings.manifest, manifest: rest }
}

function chosen(files: Awaited<ReturnType<typeof filesIn>>['files'], { files: wanted, folder }: UploadSettings) {
  if (wanted === undefined) return files
  const there = new Set(files.map(({ path }) => path))
  for (const path of wanted.keys())
    if (!there.has(path))
      throw new CdnError('NOT_FOUND', `${JSON.stringify(path)} is not a file of ${folder}`, { vendor: 'assets' })
  return files.filter(({ path }) => wanted.has(path))
}

function teller({ onProgress }: UploadSettings, sending: Sending, all: number) {
  let done = 0
  return ({ path }: PlannedFile, did: 'sent' | 'unchanged'): void =>
    onProgress({ path, did, done: ++done, all, bytes: sending.bytes })
}

async function write(
  manifest: AssetManifest,
  over: string | null | undefined,
  { to, manifest: key, signal }: UploadSettings,
): Promise<string | undefined> {
  const body = manifestBytes(manifest)
  const object = {
    key,
    body,
    bytes: body.byteLength,
    sha256: sha256OfBytes(body),
    contentType: 'application/json; charset=utf-8',
    cacheControl: 'no-cache',
  }
  return to.put(object, { signal, ...(over !== undefined && { ifVersion: over }) })
}

function stopped({ signal }: UploadSettings): void {
  if (signal?.aborted === true) throw cut()
}

const cut = (): CdnError =>
  new CdnError('ABORTED', 'the upload was interrupted: upload again, uploaded files are not sent twice', {
    vendor: 'assets',
  })

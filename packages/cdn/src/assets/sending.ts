// Sends missing objects: a file and its variants, each checked first against the manifest and the store's list, then
// with the store.
import { readFile } from 'node:fs/promises'
import { ENCODINGS, type Encoding, encoded, MAX_ENCODED_BYTES } from './encode.ts'
import { changed } from './folder.ts'
import { sha256OfBytes } from './hash.ts'
import type { AssetManifest, ManifestFile, ManifestObject } from './manifest.ts'
import type { UploadSettings } from './options.ts'
import type { PlannedFile } from './plan.ts'
import type { AssetObject, ListedObject } from './store.ts'
import { isCompressible } from './types.ts'

export interface DoneFile {
  readonly path: string
  readonly file: ManifestFile
  readonly objects: ReadonlyMap<string, ManifestObject>
}

export class Sending {
  readonly #settings: UploadSettings
  readonly #before: AssetManifest
  readonly #listed: ReadonlyMap<string, ListedObject>
  readonly done: DoneFile[] = []
  readonly sent: string[] = []
  unchanged = 0
  bytes = 0

  constructor(settings: UploadSettings, before: AssetManifest, listed: ReadonlyMap<string, ListedObject>) {
    this.#settings = settings
    this.#before = before
    this.#listed = listed
  }

  async file(planned: PlannedFile): Promise<'sent' | 'unchanged'> {
    const objects = new Map<string, ManifestObject>()
    const place = async (object: AssetObject): Promise<boolean> => {
      const { isSent, facts } = await this.#place(object)
      objects.set(object.key, facts)
      return isSent
    }
    const { path, key, sha256, bytes } = planned
    let isSent = false
    const variants: Partial<Record<Encoding, string | null>> = {}
    for (const { encoding, object } of await this.#variants(planned)) {
      variants[encoding] = object?.key ?? null
      // Before the file itself: once the file exists, so do its variants.
      if (object !== undefined && (await place(object))) isSent = true
    }
    const { contentType, cacheControl } = planned
    if (await place({ key, body: { path: planned.at }, bytes, sha256, contentType, cacheControl })) isSent = true
    this.done.push({ path, file: { key, sha256, bytes, variants }, objects })
    if (!isSent) this.unchanged++
    return isSent ? 'sent' : 'unchanged'
  }

  async #variants(
    planned: PlannedFile,
  ): Promise<readonly { readonly encoding: Encoding; readonly object: AssetObject | undefined }[]> {
    const { path, at, key, naming, bytes, sha256, contentType, cacheControl } = planned
    // A page and its variants cannot be replaced in one step: a request in between would get an old one.
    if (naming === 'keep' || bytes > MAX_ENCODED_BYTES || !isCompressible(path)) return []
    const known = Object.hasOwn(this.#before.files, path) ? this.#before.files[path] : undefined
    let content: Uint8Array | undefined
    const made: { encoding: Encoding; object: AssetObject | undefined }[] = []
    for (const encoding of this.#settings.encodings) {
      const variantKey = key + ENCODINGS[encoding]
      const was = known?.sha256 === sha256 && known.key === key ? known.variants[encoding] : undefined
      const facts = typeof was === 'string' ? this.#before.objects[was] : undefined
      const headers = { contentType, cacheControl, contentEncoding: encoding }
      if (was === null) made.push({ encoding, object: undefined })
      else if (
        was === variantKey &&
        facts !== undefined &&
        this.#isThere(variantKey, facts) &&
        hasHeaders(facts, headers)
      ) {
        // The source is unchanged, and so is the variant.
        made.push({
          encoding,
          object: { key: variantKey, body: new Uint8Array(), bytes: facts.bytes, sha256: facts.sha256, ...headers },
        })
      } else {
        content ??= await contentOf(at, sha256, key)
        const body = await encoded(content, encoding)
        made.push({
          encoding,
          object: body && { key: variantKey, body, bytes: body.byteLength, sha256: sha256OfBytes(body), ...headers },
        })
      }
    }
    return made
  }

  async #place(object: AssetObject): Promise<{ readonly isSent: boolean; readonly facts: ManifestObject }> {
    const { key, bytes, sha256, contentType, cacheControl, contentEncoding } = object
    const { isDry, to, signal } = this.#settings
    const version = await this.#versionThere(object)
    const facts = {
      sha256,
      bytes,
      content_type: contentType,
      cache_control: cacheControl,
      ...(contentEncoding !== undefined && { content_encoding: contentEncoding }),
    }
    if (version !== undefined) return { isSent: false, facts: { ...facts, ...(version !== '' && { version }) } }
    const put = isDry ? undefined : await to.put(object, { signal })
    this.sent.push(key)
    this.bytes += bytes
    return { isSent: true, facts: { ...facts, ...(put !== undefined && { version: put }) } }
  }

  /** The version of a correct existing object, `''` if it has none; undefined: it has to be sent. */
  async #versionThere(object: AssetObject): Promise<string | undefined> {
    const { key, bytes, sha256 } = object
    const listed = this.#listed.get(key)
    if (listed === undefined || listed.bytes !== bytes) return undefined
    const known = Object.hasOwn(this.#before.objects, key) ? this.#before.objects[key] : undefined
    if (known !== undefined && known.sha256 === sha256 && this.#isThere(key, known))
      return hasHeaders(known, object) ? (listed.version ?? '') : undefined
    // Sent by an interrupted upload, or written by someone else.
    const facts = await this.#settings.to.facts(key)
    const isSame = facts?.sha256 === sha256 && (facts.contentType ?? object.contentType) === object.contentType
    return isSame && (facts.cacheControl ?? object.cacheControl) === object.cacheControl
      ? (listed.version ?? '')
      : undefined
  }

  #isThere(key: string, { bytes, version }: ManifestObject): boolean {
    const listed = this.#listed.get(key)
    return (
      listed?.bytes === bytes && (version === undefined || listed.version === undefined || version === listed.version)
    )
  }
}

async function contentOf(path: string, sha256: string, key: string): Promise<Uint8Array> {
  const bytes = await readFile(path)
  if (sha256OfBytes(bytes) !== sha256) throw changed(key)
  return bytes
}

const hasHeaders = (
  { content_type, cache_control, content_encoding }: ManifestObject,
  { contentType, cacheControl, contentEncoding }: Pick<AssetObject, 'contentType' | 'cacheControl' | 'contentEncoding'>,
): boolean => content_type === contentType && cache_control === cacheControl && content_encoding === contentEncoding

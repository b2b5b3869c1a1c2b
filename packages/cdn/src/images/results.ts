// The destination folder: each variant is moved into place when complete, and beside them, hidden, is a record of each
// image's result.
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type ImageEntry, type ImageManifest, type ImageVariant, SCHEMA } from './entry.ts'
import type { Made } from './picture.ts'

/** Begins with a dot, so that no upload includes it. */
const ENTRIES = '.millpond-images'
export const MANIFEST = 'images-manifest.json'

export class Results {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Undefined: not made here yet, incomplete, or of another source. */
  async entry(path: string): Promise<ImageEntry | undefined> {
    const entry = await this.#read(path)
    if (entry === undefined) return undefined
    for (const { path: variant, bytes } of entry.variants) {
      const found = await stat(join(this.#folder, variant)).catch(() => undefined)
      if (found?.size !== bytes) return undefined
    }
    return entry
  }

  async put(
    path: string,
    made: readonly Made[],
    facts: Pick<ImageEntry, 'sha256' | 'bytes' | 'settings'>,
  ): Promise<ImageEntry> {
    const before = await this.#read(path)
    const variants: ImageVariant[] = []
    for (const { format, width, height, body } of made) {
      const variant = `${path}-${width}w.${format === 'jpeg' ? 'jpg' : format}`
      await this.#write(variant, body)
      variants.push({ format, width, height, bytes: body.byteLength, path: variant })
    }
    await this.#forget(before?.variants.filter(({ path: old }) => !variants.some((one) => one.path === old)) ?? [])
    return this.#note({ path, ...facts, variants })
  }

  async fail(entry: ImageEntry): Promise<ImageEntry> {
    await this.#forget((await this.#read(entry.path))?.variants ?? [])
    return this.#note(entry)
  }

  /** Removes the results of images that no longer exist. */
  async keepOnly(paths: ReadonlySet<string>): Promise<void> {
    for (const path of await this.#known()) {
      if (paths.has(path)) continue
      await this.#forget((await this.#read(path))?.variants ?? [])
      await rm(this.#at(path), { force: true })
    }
  }

  async all(): Promise<ImageEntry[]> {
    const entries = await Promise.all((await this.#known()).map((path) => this.#read(path)))
    return entries.filter((entry) => entry !== undefined)
  }

  async writeManifest(entries: readonly ImageEntry[]): Promise<ImageManifest> {
    const images = Object.fromEntries(
      [...entries].sort((a, b) => (a.path < b.path ? -1 : 1)).map((entry) => [entry.path, entry]),
    )
    const manifest: ImageManifest = { schema: SCHEMA, images }
    await this.#write(MANIFEST, Buffer.from(`${JSON.stringify(manifest, undefined, 1)}\n`))
    return manifest
  }

  #at(path: string): string {
    return join(this.#folder, ENTRIES, `${path}.json`)
  }

  async #known(): Promise<string[]> {
    const names = await readdir(join(this.#folder, ENTRIES), { recursive: true }).catch(() => [])
    return names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length))
  }

  async #read(path: string): Promise<ImageEntry | undefined> {
    try {
      const entry: ImageEntry = JSON.parse(await readFile(this.#at(path), 'utf8'))
      return entry.path === path && Array.isArray(entry.variants) ? entry : undefined
    } catch {
      // Missing or truncated: it is made again.
      return undefined
    }
  }

  async #note(entry: ImageEntry): Promise<ImageEntry> {
    await this.#write(join(ENTRIES, `${entry.path}.json`), Buffer.from(JSON.stringify(entry)))
    return entry
  }

  async #forget(variants: readonly ImageVariant[]): Promise<void> {
    for (const { path } of variants) await rm(join(this.#folder, path), { force: true })
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    const at = join(this.#folder, path)
    const unfinished = join(this.#folder, ENTRIES, `${randomUUID()}.tmp`)
    await mkdir(dirname(at), { recursive: true })
    await mkdir(dirname(unfinished), { recursive: true })
    await writeFile(unfinished, bytes)
    await rename(unfinished, at)
  }
}

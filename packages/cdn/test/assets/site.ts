// A site as builds leave it, made from a seed: pages, scripts, styles, fonts and pictures, with names that people give.
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { AssetObject, AssetStore } from '@millpond/cdn/assets'

export const write = (folder: string, path: string, content: string | Uint8Array): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), content)
}

/** Bytes that no compression makes smaller. */
export function noise(seed: number, length: number): Buffer {
  const pieces: Buffer[] = []
  for (let at = 0; at * 32 < length; at++) pieces.push(createHash('sha256').update(`${seed}-${at}`).digest())
  return Buffer.concat(pieces).subarray(0, length)
}

const words = (seed: number): string =>
  Array.from({ length: 60 }, (_, at) => `const value${(seed * 31 + at) % 97} = ${at * seed} // of ${seed}`).join('\n')

/**
 * Of a thousand files: 560 pictures, 240 scripts, 120 styles, 40 fonts, 40 pages; of ten there is one of each at least.
 * Returns their paths.
 */
export function makeSite(folder: string, files = 1000): string[] {
  const paths: string[] = []
  for (let at = 0; at < files; at++) {
    const kind = (at * 7 + 24) % 25
    const [path, content]: [string, string | Uint8Array] =
      kind < 14
        ? [`images/${at % 7}/photo ${at}.jpg`, noise(at, 2000)]
        : kind < 20
          ? [`js/chunk-${at}.js`, words(at)]
          : kind < 23
            ? [`css/größe-${at}.css`, `${words(at).replaceAll('const', '.a')}`]
            : kind < 24
              ? [`fonts/face(${at}).woff2`, noise(at, 3000)]
              : [`docs/${at}/index.html`, `<!doctype html><title>${at}</title><p>${words(at)}`]
    write(folder, path, content)
    paths.push(path)
  }
  return paths
}

/** A store that asks no disk for anything; `calls` says what it was asked. */
export function storeInMemory(): AssetStore & { readonly calls: string[] } {
  const objects = new Map<string, AssetObject & { readonly version: string }>()
  const calls: string[] = []
  return {
    name: 'memory',
    calls,
    async *list() {
      calls.push('list')
      yield* objects.values()
    },
    async facts(key) {
      calls.push(`facts ${key}`)
      return objects.get(key)
    },
    async read(key) {
      calls.push(`read ${key}`)
      const found = objects.get(key)
      return found?.body instanceof Uint8Array ? { body: found.body, version: found.version } : undefined
    },
    async put(object) {
      calls.push(`put ${object.key}`)
      const version = `v${calls.length}`
      objects.set(object.key, { ...object, version })
      return version
    },
    async drop(keys) {
      for (const key of keys) objects.delete(key)
    },
  }
}

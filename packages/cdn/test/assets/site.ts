// A site as builds leave it, made from a seed: pages, scripts, styles, fonts and pictures, with names that people give.
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

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

/** Of a thousand files: 560 pictures, 240 scripts, 120 styles, 40 fonts, 40 pages. Returns their paths. */
export function makeSite(folder: string, files = 1000): string[] {
  const paths: string[] = []
  for (let at = 0; at < files; at++) {
    const kind = at % 25
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

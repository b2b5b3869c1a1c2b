// The files of a folder as assets: by their paths, in order. Paths that leave the folder, or cannot be a URL path, are
// refused; files that are not meant to be uploaded are skipped and reported.
import { readdir, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { CdnError } from '../errors.ts'
import { isCompressible } from './types.ts'

export interface LocalFile {
  /** Relative to the folder, with `/`, composed (NFC): the same on every system. */
  readonly path: string
  /** Its local path. */
  readonly at: string
  readonly bytes: number
}

export interface SkippedFile {
  /** In the folder, with `/`. */
  readonly path: string
  /** The reason, for display. */
  readonly why: string
}

export interface Walked {
  readonly files: readonly LocalFile[]
  readonly passedBy: readonly SkippedFile[]
}

/** Dot files belong to editors, systems and version control; this one is part of the web. */
const WELL_KNOWN = '.well-known'
const PRECOMPRESSED = /\.(?:br|gz|zst)$/

/** @throws CdnError `TARGET_INVALID`, `NOT_FOUND` */
export async function filesIn(folder: string): Promise<Walked> {
  const root = await realpath(folder).catch((error: NodeJS.ErrnoException) => {
    throw new CdnError(
      'NOT_FOUND',
      `${JSON.stringify(folder)} cannot be opened (${error.code}): name an existing folder`,
      {
        vendor: 'assets',
      },
    )
  })
  const found: LocalFile[] = []
  const passedBy: SkippedFile[] = []
  await visit('', root, [root])
  const paths = new Set<string>()
  for (const { path } of found) {
    if (paths.has(path)) throw invalid(path, 'exists twice, composed and decomposed (Unicode): rename one of them')
    paths.add(path)
  }
  const isOfBuild = ({ path }: LocalFile): boolean => {
    const plain = path.replace(PRECOMPRESSED, '')
    return plain !== path && paths.has(plain) && isCompressible(plain)
  }
  for (const file of found.filter(isOfBuild))
    passedBy.push({ path: file.path, why: 'compressed by the build: variants are made here' })
  const files = found.filter((file) => !isOfBuild(file)).sort((a, b) => (a.path < b.path ? -1 : 1))
  return { files, passedBy }

  /** `above`: the real paths of the parent folders, so that a cyclic link ends. */
  async function visit(folderPath: string, at: string, above: readonly string[]): Promise<void> {
    const names = await readdir(at).catch((error: NodeJS.ErrnoException) => {
      throw invalid(folderPath, `cannot be read (${error.code})`)
    })
    for (const name of names) {
      const path = folderPath === '' ? name.normalize('NFC') : `${folderPath}/${name.normalize('NFC')}`
      if (name.startsWith('.') && name !== WELL_KNOWN) {
        passedBy.push({ path, why: 'its name begins with a dot' })
        continue
      }
      checkName(path, name)
      const real = await realpath(join(at, name)).catch((error: NodeJS.ErrnoException) => {
        throw invalid(
          path,
          error.code === 'ENOENT' ? 'is a broken link: remove it' : `cannot be opened (${error.code})`,
        )
      })
      if (real !== root && !real.startsWith(root.endsWith(sep) ? root : root + sep))
        throw invalid(path, `is a link out of the folder: copy its target, or remove the link`)
      const facts = await stat(real)
      if (facts.isFile()) found.push({ path, at: real, bytes: facts.size })
      else if (!facts.isDirectory()) passedBy.push({ path, why: 'neither a file nor a folder' })
      else if (above.includes(real)) throw invalid(path, `is a link to its own folder (${real}): remove it`)
      else await visit(path, real, [...above, real])
    }
  }
}

function checkName(path: string, name: string): void {
  if (/[\p{Cc}\\]/u.test(name))
    throw invalid(path, 'has a control character or a backslash in its name, which a URL cannot contain: rename it')
  if (name.includes('\ufffd')) throw invalid(path, 'has a name that is not UTF-8: rename it')
}

export const invalid = (path: string, words: string): CdnError =>
  new CdnError('TARGET_INVALID', `${JSON.stringify(path)} ${words}`, { vendor: 'assets' })

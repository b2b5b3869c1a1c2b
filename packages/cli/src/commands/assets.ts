// `millpond assets upload DIR`: static files to a bucket or a folder, from here; no control plane is called.
import type { AssetStore, Naming, UploadProgress } from '@millpond/cdn/assets'
import type { Given } from '../arguments/given.ts'
import type { Command, Context } from '../command.ts'
import { type ExitName, wrongUse } from '../failure.ts'
import { progressOn } from '../terminal/progress.ts'
import { styled, text } from '../terminal/text.ts'
import { bytes, count, counted } from '../terminal/units.ts'
import { cdnPart, told } from './cdn-part.ts'

type Assets = typeof import('@millpond/cdn/assets')

const ENCODINGS = ['br', 'gzip', 'zstd'] as const

export const assetsUpload: Command = {
  name: 'assets upload',
  group: 'here',
  summary:
    'upload static files to a bucket or a folder: hashed names, variants, a manifest; unchanged files are not sent again',
  positionals: ['DIR'],
  options: ['to', 'endpoint', 'keep', 'hashed', 'encodings', 'manifest', 'keep-old', 'concurrency', 'dry-run'],
  fields: ['files', 'unchanged', 'sent', 'bytes', 'dropped', 'kept', 'passed_by', 'manifest_written', 'dry_run'],
  example: 'millpond assets upload dist --to s3://site/static/ --hashed "assets/**"',
  async run(context) {
    const { given, out, signal } = context
    const assets = await cdnPart<Assets>(() => import('@millpond/cdn/assets'))
    const progress = progressOn(out)
    return told(async () => {
      const store = storeOf(assets, context)
      const report = await assets
        .uploadAssets({
          folder: given.positionals[0] ?? '',
          to: store,
          naming: namingOf(given, assets.usualNaming),
          ...(given.has('encodings') && { encodings: encodingsOf(given) }),
          ...(given.has('manifest') && { manifest: given.text('manifest') }),
          ...(given.has('keep-old') && { keepOld: given.duration('keep-old') }),
          ...(given.has('concurrency') && { concurrency: given.count('concurrency') }),
          dryRun: given.flag('dry-run'),
          signal,
          onProgress: ({ done, all, bytes: sent, path }: UploadProgress) =>
            progress.at(done, all, `files, ${bytes(sent)} sent, ${path}`),
        })
        .finally(() => progress.end())
      const { files, unchanged, sent, dropped, kept, passedBy, manifestWritten, dryRun } = report
      const answer = {
        files,
        unchanged,
        sent,
        bytes: report.bytes,
        dropped,
        kept,
        passed_by: passedBy,
        manifest_written: manifestWritten ?? null,
        dry_run: dryRun,
      }
      await out.answer('assets.upload', answer, () => {
        for (const key of dryRun ? sent : []) out.line(text`${key}`)
        for (const { path, why } of passedBy) out.note(styled('dim', text`skipped ${path}: ${why}`))
        const did = dryRun ? 'would be' : 'were'
        out.line(
          text`${counted(files, 'file')}, ${count(unchanged)} unchanged: ${counted(sent.length, 'object')} (${bytes(report.bytes)}) ${did} sent to ${store.name}`,
        )
        if (dropped.length > 0 || kept > 0)
          out.line(text`${counted(dropped.length, 'old object')} ${did} removed, ${count(kept)} are kept for now`)
        if (dryRun) out.line(text`Nothing was changed.`)
        else if (manifestWritten !== undefined) out.line(text`manifest: ${manifestWritten}`)
      })
      return 'done' satisfies ExitName
    })
  },
}

function storeOf({ s3Store, folderStore }: Assets, { given, streams }: Context): AssetStore {
  const to = given.text('to')
  const bucket = /^s3:\/\/([^/]+)(?:\/(.*))?$/.exec(to ?? '')
  const endpoint = given.text('endpoint')
  if (to !== undefined && bucket === null) {
    if (to.includes('://')) throw wrongUse(`--to ${to} is neither s3://BUCKET/PREFIX nor a folder`)
    if (endpoint !== undefined) throw wrongUse('--endpoint applies only to a bucket: give --to s3://BUCKET/PREFIX')
    return folderStore({ path: to })
  }
  const [, name, prefix = ''] = bucket ?? []
  return s3Store(
    {
      ...(name !== undefined && { bucket: name }),
      ...(prefix !== '' && { prefix: prefix.endsWith('/') ? prefix : `${prefix}/` }),
      ...(endpoint !== undefined && { endpoint }),
    },
    streams.env,
  )
}

function namingOf(given: Given, usual: (path: string) => Naming): (path: string) => Naming {
  const [kept, hashed] = [given.list('keep').map(globOf), given.list('hashed').map(globOf)]
  return (path) =>
    hashed.some((glob) => glob.test(path)) ? 'hashed' : kept.some((glob) => glob.test(path)) ? 'keep' : usual(path)
}

/** `*` within a folder, `**` across folders, `?` one character. */
function globOf(glob: string): RegExp {
  const parts = glob
    .split(/(\*\*\/?|\*|\?)/)
    .map((part) =>
      part === '**/'
        ? '(?:.*/)?'
        : part === '**'
          ? '.*'
          : part === '*'
            ? '[^/]*'
            : part === '?'
              ? '[^/]'
              : part.replace(/[$()+.[\\\]^{|}]/g, '\\$&'),
    )
  return new RegExp(`^${parts.join('')}$`, 'u')
}

function encodingsOf(given: Given): (typeof ENCODINGS)[number][] {
  return given.list('encodings').flatMap((word) => {
    if (word === 'none') return []
    const known = ENCODINGS.find((encoding) => encoding === word)
    if (known === undefined) throw wrongUse(`--encodings ${word}: use ${ENCODINGS.join(', ')} or none`)
    return [known]
  })
}

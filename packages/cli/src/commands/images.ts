// `millpond images optimize DIR`: optimises images, from here; no control plane is called.
import type { ImageFormat, ImageProgress } from '@millpond/cdn/images'
import type { Given } from '../arguments/given.ts'
import type { Command } from '../command.ts'
import { type ExitName, wrongUse } from '../failure.ts'
import { progressOn } from '../terminal/progress.ts'
import { sentence, styled, text } from '../terminal/text.ts'
import { bytes, count, counted, percent } from '../terminal/units.ts'
import { cdnPart, told } from './cdn-part.ts'

type Images = typeof import('@millpond/cdn/images')

const FORMATS: readonly ImageFormat[] = ['avif', 'webp', 'jpeg', 'png', 'gif']

export const imagesOptimize: Command = {
  name: 'images optimize',
  group: 'here',
  summary:
    'convert pictures to AVIF and WebP in several widths, only where that is smaller; exit 7 if some cannot be converted',
  positionals: ['DIR'],
  options: ['to', 'formats', 'widths', 'quality', 'max-pixels'],
  fields: ['images', 'made', 'unchanged', 'failed', 'passed_by', 'bytes_before', 'bytes_after'],
  example: 'millpond images optimize photos --to dist/photos --widths 320,640,1280',
  async run({ given, out, signal }) {
    const images = await cdnPart<Images>(() => import('@millpond/cdn/images'))
    const progress = progressOn(out)
    return told(async () => {
      const { made, unchanged, failed, passedBy, bytesBefore, bytesAfter, ...report } = await images
        .optimizeImages({
          folder: given.positionals[0] ?? '',
          ...(given.has('to') && { output: given.text('to') }),
          ...(given.has('formats') && { formats: given.list('formats').map(formatOf) }),
          ...(given.has('widths') && { widths: given.list('widths').map((word) => numberOf('widths', word)) }),
          ...(given.has('quality') && { quality: qualityOf(given) }),
          ...(given.has('max-pixels') && { maxPixels: given.count('max-pixels') }),
          signal,
          onProgress: ({ done, all, path }: ImageProgress) => progress.at(done, all, `pictures, ${path}`),
        })
        .finally(() => progress.end())
      const answer = {
        images: report.images,
        made,
        unchanged,
        failed,
        passed_by: passedBy,
        bytes_before: bytesBefore,
        bytes_after: bytesAfter,
      }
      await out.answer('images.optimize', answer, () => {
        for (const { path, why } of passedBy) out.note(styled('dim', text`skipped ${path}: ${why}`))
        for (const { message } of failed) out.error(styled('red', sentence(message.replace(/^(?:\[\w+\] )+/, ''))))
        out.line(
          text`${counted(report.images, 'picture')}: ${count(made)} made, ${count(unchanged)} unchanged, ${count(failed.length)} failed`,
        )
        if (bytesBefore > 0)
          out.line(
            text`${bytes(bytesBefore)} before, ${bytes(bytesAfter)} in the smallest format at full width (${percent(bytesAfter / bytesBefore)})`,
          )
      })
      return (failed.length > 0 ? 'partial' : 'done') satisfies ExitName
    })
  },
}

function formatOf(word: string): ImageFormat {
  const known = FORMATS.find((one) => one === word)
  if (known === undefined) throw wrongUse(`--formats ${word}: use ${FORMATS.join(', ')}`)
  return known
}

function numberOf(option: string, word: string): number {
  if (/^\d{1,5}$/.test(word) && Number(word) > 0) return Number(word)
  throw wrongUse(`--${option} ${word} is not a whole number: give widths such as 320,640`)
}

function qualityOf(given: Given): Partial<Record<ImageFormat, number>> {
  return Object.fromEntries(
    given.list('quality').map((words) => {
      const [, name, digits] = /^(\w+)=(\d{1,3})$/.exec(words) ?? []
      if (name === undefined) throw wrongUse(`--quality ${words}: use a value such as webp=80`)
      return [formatOf(name), Number(digits)]
    }),
  )
}

// `npm run bench:images`: images drawn from a seed and optimised, with the savings and the cost: bytes before and
// after, and their similarity.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { optimizeImages } from '@millpond/cdn/images'
import { drawn, KINDS, type Kind } from './images/drawn.ts'
import { likeness } from './images/likeness.ts'

const HELP = `usage: npm run bench:images -- [options]
  --count N     pictures, a fifth of each kind (200)
  --seed N      what they are drawn from (1)
  --formats A,B beside each picture's own (avif,webp)

Ends with 1 where a variant is larger than its picture, or less alike than .95 (SSIM). Takes some minutes: AVIF is slow.`

const LEAST_ALIKE = 0.95
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    formats: { type: 'string', default: 'avif,webp' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

interface Row {
  readonly kind: Kind
  readonly before: number
  /** The smallest variant at full width: which a current browser loads. */
  readonly after: number
  readonly own: number
  readonly variants: number
  readonly larger: number
  readonly alike: readonly number[]
}

if (values.help) console.log(HELP)
else process.exitCode = await run(numberOf('count'), numberOf('seed'))

function numberOf(name: 'count' | 'seed'): number {
  const value = Number(values[name])
  if (Number.isSafeInteger(value) && value > 0) return value
  console.error(`bench:images: --${name} ${values[name]} is not a number from 1\n${HELP}`)
  return process.exit(2)
}

async function run(count: number, seed: number): Promise<number> {
  const both = mkdtempSync(join(tmpdir(), 'millpond-bench-images-'))
  process.once('exit', () => rmSync(both, { recursive: true, force: true }))
  const [folder, output] = [join(both, 'pictures'), join(both, 'made')]
  mkdirSync(folder)
  for (let at = 0; at < count; at++) {
    const kind = KINDS[at % KINDS.length] ?? 'photo'
    const { name, bytes } = await drawn(kind, seed * 100_003 + at)
    writeFileSync(join(folder, `${kind}-${String(at).padStart(3, '0')}.${name}`), bytes)
  }
  const began = performance.now()
  const cpu = process.cpuUsage()
  const formats = values.formats.split(',').filter((word) => word === 'avif' || word === 'webp')
  const { manifest, failed } = await optimizeImages({
    folder,
    output,
    formats,
    onProgress: ({ done, all }) => {
      if (done % 20 === 0) console.error(`${done} of ${all}`)
    },
  })
  const used = process.cpuUsage(cpu)
  const rows: Row[] = []
  for (const { path, bytes, variants } of Object.values(manifest.images)) {
    const source = readFileSync(join(folder, path))
    const full = Math.max(...variants.map(({ width }) => width))
    const alike: number[] = []
    for (const variant of variants)
      alike.push(await likeness(source, readFileSync(join(output, variant.path)), variant.width))
    const whole = variants.filter(({ width }) => width === full)
    rows.push({
      kind: KINDS.find((kind) => path.startsWith(kind)) ?? 'photo',
      before: bytes,
      after: Math.min(...whole.map((one) => one.bytes)),
      own: whole.at(-1)?.bytes ?? bytes,
      variants: variants.length,
      larger: variants.filter((one) => one.bytes > bytes).length,
      alike,
    })
  }
  const seconds = ((used.user + used.system) / 1e6).toFixed(0)
  console.log(
    `${rows.length} pictures from seed ${seed}; ${seconds} s of processor, ${((performance.now() - began) / 1000).toFixed(0)} s in all\n`,
  )
  console.log(
    '| kind | pictures | variants | before | own format | smallest | smallest / before | larger | SSIM least | mean |',
  )
  console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |')
  for (const kind of KINDS)
    tell(
      kind,
      rows.filter((row) => row.kind === kind),
    )
  tell('all', rows)
  for (const { path, message } of failed) console.log(`failed: ${path}: ${message}`)
  const isGood =
    failed.length === 0 && rows.every(({ larger, alike }) => larger === 0 && Math.min(...alike) > LEAST_ALIKE)
  console.log(`\n${isGood ? 'none larger, all above' : 'MISSED: none larger, all above'} .95`)
  return isGood ? 0 : 1
}

function tell(name: string, rows: readonly Row[]): void {
  const sum = (of: (row: Row) => number): number => rows.reduce((all, row) => all + of(row), 0)
  const alike = rows.flatMap((row) => row.alike)
  const kb = (bytes: number): string => `${(bytes / 1024).toFixed(0)} KB`
  const [before, after, own] = [sum((row) => row.before), sum((row) => row.after), sum((row) => row.own)]
  const mean = alike.reduce((all, one) => all + one, 0) / alike.length
  console.log(
    `| ${name} | ${rows.length} | ${sum((row) => row.variants)} | ${kb(before)} | ${kb(own)} | ${kb(after)} | ${(after / before).toFixed(2)} | ${sum((row) => row.larger)} | ${Math.min(...alike).toFixed(3)} | ${mean.toFixed(3)} |`,
  )
}

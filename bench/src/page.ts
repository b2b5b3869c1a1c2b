// `npm run bench:page`: measures, and writes docs/benchmarks.md and the figures in the README from the results alone.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readFigures, SECTIONS, type Section, writeFigures } from './page/figures.ts'
import { renderPage, renderReadme } from './page/render.ts'
import { take } from './page/take.ts'

const HELP = `usage: npm run bench:page -- [options]
  --only a,b      these sections: right, fast, small, around, worth, smart; the others stay as they are
  --traces DIR    recorded traffic for "smart"; without it that section stays as it is
  --note TEXT     what else must be known of these figures; stands beside them
  --render        take nothing: write the page anew from bench/figures.json
  --quick         so short that it only shows that everything works; needs --to
  --to DIR        write figures.json and benchmarks.md there, and nothing else

Takes about eight minutes on two cores that do nothing else; what else they do stands beside the figures.`

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    traces: { type: 'string' },
    note: { type: 'string' },
    render: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    to: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

// Child processes end with it.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.once(signal, () => process.exit(code))

if (values.help) console.log(HELP)
else if (values.quick && values.to === undefined)
  refuse('--quick: its figures are good for nothing, so say where they go: --to DIR')
else await write(sectionsOf(values.only))

async function write(sections: readonly Section[]): Promise<void> {
  const { to, quick, traces, note } = values
  if (to !== undefined) mkdirSync(to, { recursive: true })
  const file = to === undefined ? undefined : join(to, 'figures.json')
  const begin = performance.now()
  let figures = readFigures(file)
  for (const section of values.render ? [] : sections) {
    progress(
      `bench:page: ${section}${section === 'smart' && traces === undefined ? ': left as it is, for want of --traces DIR' : ''}`,
    )
    figures = { ...figures, ...(await take(section, { quick, traces, note, progress })) }
    // Results are saved at once, in case the next part fails.
    writeFigures(figures, file)
  }
  writeFileSync(to === undefined ? join(ROOT, 'docs/benchmarks.md') : join(to, 'benchmarks.md'), renderPage(figures))
  const readme = join(ROOT, 'README.md')
  if (to === undefined) writeFileSync(readme, renderReadme(readFileSync(readme, 'utf8'), figures))
  progress(`bench:page: written, after ${Math.round((performance.now() - begin) / 1000)} s`)
}

function sectionsOf(text: string | undefined): readonly Section[] {
  if (text === undefined) return SECTIONS
  return text
    .split(',')
    .map((name) => SECTIONS.find((one) => one === name.trim()) ?? refuse(`--only: there is no ${JSON.stringify(name)}`))
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`)
}

function refuse(message: string): never {
  console.error(`bench:page: ${message}\n\n${HELP}`)
  process.exit(2)
}

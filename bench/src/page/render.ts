// The page of benchmarks, and the line of figures in the README: made of the figures and of nothing else.
import { COLLECTION_GOAL } from '../collections.ts'
import { SCRAPE_GOAL } from '../scrape.ts'
import { formatTable } from '../table.ts'
import type { Around, Awaited, Fast, Figures, Right, Small, Smart, Taken, Worth } from './figures.ts'

const HEAD = `# Benchmarks

How Millpond compares with other caches: correctness, speed, memory, what a service gains, and hit ratios. Ratios matter, not absolute times. Each library is set up as its documentation says, and all are measured in the same run, in turns.

\`npm run bench:page\` writes this page from \`bench/figures.json\`, and the tests compare the two. Each section says when, on which machine and at which commit its figures were taken, and which command takes them again on yours.`

export function renderPage({ right, fast, small, around, worth, smart }: Figures): string {
  return `${[HEAD, renderRight(right), renderFast(fast), renderSmall(small), renderAround(around), renderWorth(worth), renderSmart(smart)].join('\n\n')}\n`
}

function renderRight(right: Right | undefined): string {
  const head = '## Right?'
  if (right === undefined) return notTaken(head)
  const names = Object.keys(right.cells)
  const rows = [...new Set(Object.values(right.cells).flatMap((cells) => cells.map(({ row }) => row)))]
  const textOf = (name: string, row: string) => right.cells[name]?.find((cell) => cell.row === row)?.text ?? ''
  return [
    head,
    `\`npm run bench:consistency -- --brief\`: memory, Redis and each library's own bus, several processes, a checker over every operation. ${told(right)}`,
    formatTable([
      ['', ...names.map((name) => named(name, right))],
      ...rows.map((row) => [row, ...names.map((name) => textOf(name, row))]),
    ]),
    Object.entries(right.setups)
      .map(([name, setup]) => `- ${name}: ${setup}`)
      .join('\n'),
    `A read is stale if an invalidation that was acknowledged before the read began had made its value old. Libraries that publish the key itself inform other processes sooner; Millpond announces that something changed, and the processes ask what.

The bare reads check nothing and store nothing. A read by Millpond also compares a checksum and the ledger's numbers, freezes and weighs the value, and puts it into memory. Most of the bare cost is parsing, so a single value in the format \`packed\` costs nearly the same as bare \`GET\` + \`JSON.parse\`. A set of many also numbers them in the ledger, in the same step.

An invalidation of a tag is one command in each library; differences of some tenths of a millisecond are the way to the server. Where part of the time was starved, a zero proves little. An empty cell failed in that run.`,
  ].join('\n\n')
}

function renderFast(fast: Fast | undefined): string {
  const head = '## Fast?'
  if (fast === undefined) return notTaken(head)
  const columns = ['millpond', 'millpond store'].flatMap((name) =>
    fast.sizes.map(({ entries, costs }) => ({ name, entries, costs })),
  )
  const rows = [...new Set(fast.sizes.flatMap(({ costs }) => costs.map(({ row }) => row)))]
  const cost = ({ name, costs }: (typeof columns)[number], row: string) => {
    const ratio = costs.find((one) => one.name === name && one.row === row)?.ratio
    return ratio === undefined ? '' : better(ratio.toFixed(2), ratio < 1)
  }
  return [
    head,
    `\`npm run bench\`. ${told(fast)}`,
    `CPU time relative to ${named('lru-cache', fast)} in the same round, median of ${fast.rounds} rounds; below 1 is faster. *Fresh* keys are built for each call, as in services. The column *millpond* is \`cache.peek\`; the public \`set\` is awaited, so only the store has rows for it. *After reads*: once a cache has been read for a while, V8 moves what a \`Map\` leaves behind to the old generation; a cache that keeps its keys in a \`Map\` then pays more for each set that evicts another key, as in a service that reads between its writes.`,
    formatTable([
      ['', ...columns.map(({ name, entries }) => `${name}, ${entries.toLocaleString('en')}`)],
      ...rows.map((row) => [row, ...columns.map((column) => cost(column, row))]),
    ]),
    ...(fast.awaited.length === 0
      ? []
      : [
          `Awaited operations, 1,000 entries with a TTL, CPU microseconds per operation:`,
          timesTable(fast, fast.awaited),
        ]),
    ...(fast.isolated.length === 0
      ? []
      : [
          `Values isolated from their callers (copied or frozen), CPU microseconds per operation; through JSON, dates become text:`,
          timesTable(fast, fast.isolated),
        ]),
    ...(fast.bytes.length === 0
      ? []
      : [
          `Bytes per entry, without key and value: ${fast.bytes
            .map(
              ({ name, size, plain, ttl }) =>
                `${name} ${plain.toFixed(0)}${ttl === undefined ? '' : ` (${ttl.toFixed(0)} with a TTL)`} at ${size.toLocaleString('en')}`,
            )
            .join(', ')}.`,
        ]),
    `Where another library is ahead, this is why:

- The very same string object is looked up again: a \`Map\` reuses the hash that V8 keeps with the string, which JavaScript cannot see.
- A small cache in which every set evicts something: Millpond hashes the whole key, weighs the value, and its policy compares candidates.
- A loader runs: Millpond keeps track of who waits for it, of what is invalidated meanwhile, and of a deadline.
- Keys of a batch: most of the cost is storing (in a full cache each evicts another entry, whose cause is noted), then the load and the cause of its miss.
- JSON text: cheap to set, and it loses what it cannot represent without an error.
- An awaited \`set\` checks its options and tells the ledger, where a cache without one writes into a \`Map\`.
- CacheableMemory clones on each hit; Millpond clones and freezes once, in \`set\`.`,
  ].join('\n\n')
}

function renderSmall(small: Small | undefined): string {
  const head = '## Small?'
  if (small === undefined) return notTaken(head)
  return [
    head,
    `\`npm run bench -- --rows values\`. ${told(small)}`,
    `Heap bytes of one value with its place in the cache, without the key; no TTL. ${named('lru-cache', small)} holds the object that it was given, Millpond a frozen clone. *Set*: CPU time relative to storing the value's JSON text in lru-cache, in the same round; below 1 is faster.`,
    formatTable([
      ['', 'millpond', 'lru-cache', 'its JSON in lru-cache', 'set'],
      ...small.values.map(({ value, ours, lru, json, set }) => [
        value,
        better(ours.toFixed(0), ours <= lru),
        lru.toFixed(0),
        json.toFixed(0),
        better(set.toFixed(2), set < 1),
      ]),
    ]),
    'JSON text takes less where a value has many small objects, but each hit has to parse it. For each object that is set, V8 is called to freeze it and to check that it has no symbols, which JSON would drop without an error: so many small objects cost more to set than their text does, and one row, dates or long texts cost less. Lists of fractions take less in lru-cache: V8 stores bare numbers side by side, and makes an object of each when the list is frozen.',
  ].join('\n\n')
}

function renderAround(around: Around | undefined): string {
  const head = '## Around it?'
  if (around === undefined) return notTaken(head)
  const { series, scrape, collections } = around
  const goalOf = (name: string) => (name === 'millpond' ? `at most ${SCRAPE_GOAL}` : '')
  return [
    head,
    `\`npm run bench -- --rows scrape\` (beside prom-client where that is installed) and \`npm run bench -- --rows collections\`. ${told(around)}`,
    `The text of one scrape of ${series.toLocaleString('en')} series, CPU milliseconds; Millpond also reads the figures of its caches. prom-client has a gauge for each line, the cheapest kind that it has.`,
    formatTable([
      ['', 'CPU ms', `over ${scrape[0]?.name ?? ''}`, 'goal'],
      ...scrape.map(({ name, ms, ratio }) => [
        name,
        ms.toFixed(1),
        better(ratio.toFixed(2), name === 'millpond' && ratio <= SCRAPE_GOAL),
        goalOf(name),
      ]),
    ]),
    'A collection over the verbs of a cache by hand, with the same keys and the same source, in the same rounds. A miss waits for others of its turn, so that they are loaded together.',
    formatTable([
      ['', 'by hand, CPU us', 'collection', 'goal'],
      ...collections.map(({ row, us, ratio }) => [
        row,
        us.toFixed(2),
        better(ratio.toFixed(2), ratio <= COLLECTION_GOAL),
        `at most ${COLLECTION_GOAL}`,
      ]),
    ]),
  ].join('\n\n')
}

function renderWorth(worth: Worth | undefined): string {
  const head = '## Worth it?'
  if (worth === undefined) return notTaken(head)
  const { cached, uncached } = worth
  const less = (one: number, other: number) => `${(100 * (1 - one / other)).toFixed(0)} % less`
  const ms = (value: number) => `${value.toFixed(1)} ms`
  const kept = (isKept: boolean) => (isKept ? 'met' : 'not met')
  const faster = 1 - cached.meanMs / uncached.meanMs
  const fewer = 1 - cached.queries / uncached.queries
  return [
    head,
    `\`npm run load -- --seconds ${worth.seconds}\`: the deals service on SQLite, ${cached.requests.toLocaleString('en')} requests of ${worth.sessions} sessions over ${worth.seconds} s, ${cached.writes} of them writes; every cached answer was compared with the
database: ${worth.wrong === 0 ? 'all are right' : `${worth.wrong} are wrong`}. ${told(worth)}`,
    formatTable([
      ['', 'with the cache', 'without', '', 'goal', ''],
      ['hit rate', percent(cached.hitRate ?? 0), '', '', '95 %', kept((cached.hitRate ?? 0) >= 0.95)],
      ['p50 of a request', ms(cached.p50Ms), ms(uncached.p50Ms), less(cached.p50Ms, uncached.p50Ms), '', ''],
      [
        'p95',
        ms(cached.p95Ms),
        ms(uncached.p95Ms),
        less(cached.p95Ms, uncached.p95Ms),
        'under 100 ms',
        kept(cached.p95Ms < 100),
      ],
      [
        'mean',
        ms(cached.meanMs),
        ms(uncached.meanMs),
        less(cached.meanMs, uncached.meanMs),
        '40-60 % less',
        kept(faster >= 0.4),
      ],
      [
        'database queries',
        cached.queries.toLocaleString('en'),
        uncached.queries.toLocaleString('en'),
        less(cached.queries, uncached.queries),
        '70-80 % fewer',
        kept(fewer >= 0.7),
      ],
      [
        'processor time',
        `${(cached.cpuMs / 1000).toFixed(1)} s`,
        `${(uncached.cpuMs / 1000).toFixed(1)} s`,
        less(cached.cpuMs, uncached.cpuMs),
        '',
        '',
      ],
    ]),
    'In so short a time most users open their page only once, which bounds the hit rate. The run reports how many of the computed responses had never been requested before, and how many a write had changed.',
  ].join('\n\n')
}

function renderSmart(smart: Smart | undefined): string {
  const head = '## Smart?'
  if (smart === undefined) return notTaken(head)
  const policies = Object.keys(smart.mean)
  const title = (policy: string) =>
    ({ adaptive: 'millpond', lru: 'LRU', sieve: 'SIEVE', 's3-fifo': 'S3-FIFO', 'w-tinylfu': 'W-TinyLFU' })[policy] ??
    policy
  const line = (label: string, ratios: Readonly<Record<string, number>>) => {
    const best = Math.max(...policies.filter((policy) => policy !== 'optimum').map((policy) => ratios[policy] ?? 0))
    return [label, ...policies.map((policy) => better((ratios[policy] ?? 0).toFixed(1), ratios[policy] === best))]
  }
  return [
    head,
    `\`npm run bench:hit-ratio -- DIR\`: hit ratio in %, mean over caches of 0.5, 1, 2, 5 and 10 % of the unique keys. Exact, not timed. ${told(smart)}`,
    formatTable([
      ['trace', ...policies.map(title)],
      ...smart.traces.map(({ trace, ratios }) => line(trace, ratios)),
      line('mean', smart.mean),
      ['furthest below LRU in one cell, points', ...policies.map((policy) => smart.below[policy]?.toFixed(1) ?? '')],
    ]),
    "All policies are Millpond's: the other columns are the algorithms of their papers, each checked against a slow model of itself, and with `--columns` against other implementations. Where one of them is ahead on a trace, its fixed window happens to fit; `adaptive` has to learn its window from the traffic (decision 0003).",
  ].join('\n\n')
}

/** A line for each operation, a column for each library; the cheapest stands out. */
function timesTable(taken: Taken, figures: readonly Awaited[]): string {
  const names = [...new Set(figures.map(({ name }) => name))]
  const rows = [...new Set(figures.map(({ row }) => row))]
  return formatTable([
    ['', ...names.map((name) => named(name, taken))],
    ...rows.map((row) => {
      const medians = names.map((name) => figures.find((one) => one.name === name && one.row === row)?.ns)
      const best = Math.min(...medians.filter((one) => one !== undefined))
      return [row, ...medians.map((ns) => (ns === undefined ? '' : better(us(ns), ns === best)))]
    }),
  ])
}

const MARK = /<!-- figures -->.*?<!-- \/figures -->/s

/** The README with the figures it states; throws where it has no place for them. */
export function renderReadme(readme: string, figures: Figures): string {
  if (!MARK.test(readme)) throw new Error('README.md has no <!-- figures --> ... <!-- /figures --> to write into')
  return readme.replace(MARK, () => `<!-- figures -->${readmeLine(figures)}<!-- /figures -->`)
}

function readmeLine({ fast, right }: Figures): string {
  const nsOf = (figures: readonly Awaited[] | undefined, name: string, row: string) =>
    figures?.find((one) => one.name === name && one.row === row)?.ns
  const held = nsOf(fast?.isolated, 'millpond, isolated', 'hit, object')
  const awaited = nsOf(fast?.awaited, 'millpond', 'getOrSet hit prebuilt')
  const speed =
    held === undefined || awaited === undefined
      ? []
      : [`A hit takes ${us(held)} us of CPU, an awaited one ${us(awaited)}`]
  const stale = Object.entries(right?.cells ?? {}).flatMap(([name, cells]) => {
    const text = cells.find(({ row }) => row === 'mixed load, no fault: stale own reads')?.text
    return text === undefined ? [] : [`${name} ${text}`]
  })
  return [...speed, ...(stale.length === 0 ? [] : [`stale reads of own writes under load: ${stale.join(', ')}`])].join(
    '; ',
  )
}

function told({ date, commit, machine, load, note }: Taken): string {
  const busy = load === undefined ? '' : `, load average ${load.toFixed(1)} when it began`
  return `Taken on ${date} at \`${commit}\`, ${machine}${busy}.${note === undefined ? '' : ` ${note}`}`
}

const notTaken = (head: string): string => `${head}\n\nNot taken yet: \`npm run bench:page\` does.`
/** `cacheable getOrSet` is a way to use cacheable. */
function named(name: string, { versions }: Taken): string {
  const known = Object.keys(versions).find(
    (one) => name === one || name.startsWith(`${one} `) || name.startsWith(`${one},`),
  )
  return known === undefined || versions[known] === '0.1.0' ? name : `${name} (${versions[known]})`
}
const better = (text: string, isBetter: boolean): string => (isBetter ? `**${text}**` : text)
const us = (ns: number): string => (ns / 1000).toPrecision(2)
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

// The page of benchmarks, and the line of figures in the README: made of the figures and of nothing else.
import { formatTable } from '../table.ts'
import type { Awaited, Fast, Figures, Right, Small, Smart, Taken, Worth } from './figures.ts'

const HEAD = `# Benchmarks

Written by \`npm run bench:page\` from \`bench/figures.json\`; the tests compare them. Each section says when, where and at which state it was taken, and which command prints it: run that to have it
anew on your machine. Ratios matter, not seconds. Contenders stand in their documented set-up, in the same run, in turn.`

export function renderPage({ right, fast, small, worth, smart }: Figures): string {
  return `${[HEAD, renderRight(right), renderFast(fast), renderSmall(small), renderWorth(worth), renderSmart(smart)].join('\n\n')}\n`
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
    `A read is stale where an invalidation that was acknowledged before it began had made its value old. Contenders that publish the key itself are heard of sooner than ours, which hears that something moved, and
asks. Bare reads check nothing and keep nothing: ours also compares a checksum and the ledger's numbers, freezes and weighs the value and puts it into memory; parsing is most of what the bare ones do, so that one value written as \`packed\` is read for
nearly the same, and many at once are not. A set of many also numbers them in the ledger, in one step with the values. An invalidation of a tag is one command everywhere: some tenths of a millisecond more or less are its way to the server. Where part of the time was starved, a zero proves little; an empty cell failed in that run.`,
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
    `Cost over ${named('lru-cache', fast)} in the same round, CPU time, median of ${fast.rounds} rounds; below 1 is faster. *Fresh* keys are built for each call, as services do. *millpond* is \`cache.peek\`; its \`set\` is awaited, so only its store has those rows. *After reads*: once a cache has been read for a while, V8 moves what a \`Map\` leaves behind to the old generation, and whatever keeps its keys in one pays more for each set that pushes another key out, as in a service that reads between its writes.`,
    formatTable([
      ['', ...columns.map(({ name, entries }) => `${name}, ${entries.toLocaleString('en')}`)],
      ...rows.map((row) => [row, ...columns.map((column) => cost(column, row))]),
    ]),
    ...(fast.awaited.length === 0
      ? []
      : [
          `What a service awaits, 1,000 entries with a TTL, CPU time of an operation (us):`,
          timesTable(fast, fast.awaited),
        ]),
    ...(fast.isolated.length === 0
      ? []
      : [
          `Objects that nobody else can change, CPU time of an operation (us); through JSON, dates become text:`,
          timesTable(fast, fast.isolated),
        ]),
    ...(fast.bytes.length === 0
      ? []
      : [
          `Bytes an entry beside key and value: ${fast.bytes
            .map(
              ({ name, size, plain, ttl }) =>
                `${name} ${plain.toFixed(0)}${ttl === undefined ? '' : ` (${ttl.toFixed(0)} with a TTL)`} at ${size.toLocaleString('en')}`,
            )
            .join(', ')}.`,
        ]),
    `Why a contender may be ahead: where the very same string object is asked for again, a \`Map\` reuses the hash that V8 keeps with it, which JavaScript cannot see; in small caches where every set pushes something
out, ours also hashes the whole key, weighs, stamps and judges; where a loader runs, ours keeps track of who waits for whom, of what moves meanwhile, and of a deadline; of a key of a batch storing is most (in a full cache each pushes another one out, which is weighed,
chosen and noted with its cause), then a load and the cause of the miss, which figures and guarantees are made of; JSON text is cheap to set, and refuses nothing that it loses;
a \`set\` that is awaited checks its options and tells the ledger, where a cache without one writes into a \`Map\`; CacheableMemory clones on each hit what ours clones and freezes once, with the \`set\`.`,
  ].join('\n\n')
}

function renderSmall(small: Small | undefined): string {
  const head = '## Small?'
  if (small === undefined) return notTaken(head)
  return [
    head,
    `\`npm run bench -- --rows values\`. ${told(small)}`,
    `Bytes of one value in the heap with its place in the cache, key aside; no TTL. ${named('lru-cache', small)} holds the very object that it was given, ours a frozen clone. *Set*: CPU time over storing the value's JSON text in lru-cache, in the same round; below 1 is faster.`,
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
    'Text takes less where there are many small objects, and each hit has to parse it. For each object that is set V8 is called to freeze it and to say that it has no symbols, which text need not be asked, and which would else be dropped without a word; so many small objects cost more to set than their text does, and one row, dates or long texts less. Lists of fractions are where lru-cache takes less: V8 keeps their bare numbers side by side, and makes an object of each when the list is frozen.',
  ].join('\n\n')
}

function renderWorth(worth: Worth | undefined): string {
  const head = '## Worth it?'
  if (worth === undefined) return notTaken(head)
  const { cached, uncached } = worth
  const less = (one: number, other: number) => `${(100 * (1 - one / other)).toFixed(0)} % less`
  const ms = (value: number) => `${value.toFixed(1)} ms`
  const kept = (isKept: boolean) => (isKept ? 'kept' : 'not kept')
  const faster = 1 - cached.meanMs / uncached.meanMs
  const fewer = 1 - cached.queries / uncached.queries
  return [
    head,
    `\`npm run load -- --seconds ${worth.seconds}\`: the deals service on SQLite, ${cached.requests.toLocaleString('en')} requests of ${worth.sessions} sessions over ${worth.seconds} s, ${cached.writes} of them writes; every cached answer was compared with the
database: ${worth.wrong === 0 ? 'all are right' : `${worth.wrong} are wrong`}. ${told(worth)}`,
    formatTable([
      ['', 'with the cache', 'without', '', 'the sources promise', ''],
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
    'Most users open their page once in so short a time, which bounds the hit rate. The run says of what was computed how much nobody had asked for before, and how much a write had changed.',
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
    "All policies are ours; the contenders' columns are their papers' algorithms, each checked against a slow model of itself, and by `--columns` against what other implementations reach. Where one of them is ahead on a trace, it has a window that happens to fit; ours has to learn its own from the traffic (decision 0003).",
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

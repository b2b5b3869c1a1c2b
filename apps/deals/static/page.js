// What moves on the front page: the figures, every two seconds, and the answer beneath a link that was followed.

const at = (id) => document.getElementById(id)
const percent = (share) => (share === null ? '–' : `${(100 * share).toFixed(share > 0.995 || share === 0 ? 0 : 1)} %`)
const time = (ms) => (ms >= 100 ? Math.round(ms) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2))
const names = { sqlite: 'SQLite', redis: 'Redis', edge: 'the store of this region' }
const colour = (index, name) => (name === 'loaded' ? 'c9' : `c${Math.min(index, 2)}`)

function parts(live) {
  const layer = live.layers.find((each) => each.name === 'response')
  if (!live.cache || layer.hit_rate === null) return []
  const tiers = live.cache.tiers.map((name) => [name, layer.by_tier[name] ?? 0])
  return [...tiers, ['loaded', Math.max(0, 1 - layer.hit_rate)]]
}

function draw(live) {
  const layer = live.layers.find((each) => each.name === 'response')
  at('rate').textContent = live.cache ? percent(layer.hit_rate) : 'off'
  const has = live.requests.count > 0
  at('p50').innerHTML = has ? `${time(live.requests.p50_ms)} <small>ms</small>` : '–'
  at('p95').innerHTML = has ? `${time(live.requests.p95_ms)} <small>ms</small>` : '–'
  at('requests').textContent = live.requests.count.toLocaleString('en')
  const apart = live.warming.database_queries
  at('queries').textContent =
    (live.database_queries - apart).toLocaleString('en') +
    ' database queries' +
    (apart > 0 ? `, and ${apart.toLocaleString('en')} by warming` : '')
  at('warming').hidden = !live.warming.is_running
  at('warming').textContent =
    'The cache is being warmed (' +
    live.warming.answers.toLocaleString('en') +
    ' answers so far): it shares the processor with you, so answers take longer than they will.'
  const shares = parts(live)
  at('bar').replaceChildren(
    ...shares.map(([name, share], index) => {
      const piece = at('bar').querySelector(`[data-name="${name}"]`) ?? document.createElement('i')
      piece.dataset.name = name
      piece.className = colour(index, name)
      requestAnimationFrame(() => {
        piece.style.width = `${100 * share}%`
      })
      return piece
    }),
  )
  at('key').replaceChildren(
    ...shares.map(([name, share], index) => {
      const item = document.createElement('li')
      const dot = document.createElement('i')
      const value = document.createElement('b')
      dot.className = colour(index, name)
      value.textContent = percent(share)
      item.append(dot, name === 'loaded' ? 'computed anew ' : `from ${names[name] ?? name} `, value)
      return item
    }),
  )
  at('none').hidden = shares.length > 0
  at('none').textContent = !live.cache
    ? 'The cache is off: every answer is computed.'
    : `${has ? 'No request was for what the cache keeps.' : 'Nothing was asked yet.'} Follow a link below, twice.`
  at('state').textContent = live.cache?.is_redis_missing
    ? 'Redis does not answer; it will be used when it comes'
    : live.cache && live.cache.health !== 'ok'
      ? 'a tier is failing'
      : ''
}

const size = (bytes) =>
  bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : bytes >= 1e3 ? `${Math.round(bytes / 1e3)} kB` : `${bytes} bytes`
const answers = (count) => count.toLocaleString('en') + (count === 1 ? ' answer' : ' answers')

function drawSaved(values) {
  at('saved').hidden = !values
  if (!values) return
  const { compression, selection, sealed_by } = values
  at('compressed').textContent = !compression
    ? 'nothing'
    : compression.compressed === 0
      ? 'nothing yet'
      : answers(compression.compressed) +
        ', ' +
        size(compression.bytes_in) +
        ' to ' +
        size(compression.bytes_out) +
        ', ' +
        percent(1 - compression.bytes_out / compression.bytes_in) +
        ' saved in ' +
        time(compression.compress_ms) +
        ' ms; ' +
        compression.left.toLocaleString('en') +
        ' too small to gain'
  at('selected').textContent = !selection
    ? 'nothing'
    : `${size(selection.bytes)} that nobody reads again, of ${answers(selection.values)}`
  at('sealed').textContent = sealed_by
    ? `all that leaves the process, by AES-256-GCM with the key ${sealed_by}`
    : 'nothing; --encrypt seals what leaves the process'
}

function drawRegions(regions) {
  at('regions').hidden = !regions
  if (!regions) return
  at('regions').textContent = regions.others
    .map((other) =>
      other.is_heard
        ? `${other.region}: all that it had forgotten until ${time(other.lag_ms)} ms ago is forgotten here, too.`
        : `${other.region} is not heard: what is kept here is accepted for a few seconds, and loaded again.`,
    )
    .join(' ')
}

const purgeStates = { waiting: 'waits', purged: 'gone', settled: 'gone, and once more' }

function drawEdge(edge) {
  const table = at('purges')
  if (!table || !edge) return
  table.hidden = edge.purges.length === 0
  table.tBodies[0].replaceChildren(
    ...edge.purges.map(({ tags, at: when, state, ms }) => {
      const row = document.createElement('tr')
      const what = document.createElement('th')
      what.scope = 'row'
      what.textContent = tags.join(', ')
      const told = document.createElement('td')
      told.textContent = new Date(when).toLocaleTimeString('en-GB')
      const how = document.createElement('td')
      how.className = state === 'waiting' ? 'anew' : 'kept'
      how.textContent = state === 'waiting' ? purgeStates[state] : `${purgeStates[state]}; awaited ${ms} ms`
      row.append(what, told, how)
      return row
    }),
  )
  const waiting =
    edge.waiting > 0 ? `${edge.waiting.toLocaleString('en')} wait, for about ${Math.ceil(edge.left_ms / 1000)} s. ` : ''
  const failed =
    edge.failures > 0
      ? ` A purge of a name failed ${edge.failures.toLocaleString('en')} times: the service has said why.`
      : ''
  at('edge-state').textContent =
    edge.purged === 0 && waiting === ''
      ? 'Nothing was purged yet: change the deal above.'
      : `${waiting}${edge.purged.toLocaleString('en')} names purged so far.${failed}`
}

async function poll() {
  try {
    const answer = await fetch('/api/live/')
    const live = await answer.json()
    draw(live)
    drawSaved(live.values)
    drawRegions(live.regions)
    drawEdge(live.edge)
  } catch {
    at('state').textContent = 'the service does not answer'
  }
}

const told = (status) => {
  if (!status) return 'not cached'
  // One member for each cache that was passed, the nearest to the data first (RFC 9211): the last that hit is the one
  // that answered.
  const passed = status.split(', ').reverse()
  const hit = passed.find((one) => /; hit(;|$)/.test(one))
  const tier = hit && /detail=(\w+)/.exec(hit)?.[1]
  if (hit) return `from ${hit.startsWith('deals-http') ? 'the HTTP cache' : (names[tier] ?? tier ?? 'the cache')}`
  if (passed.some((one) => one.includes('collapsed'))) return 'shared with another request'
  if (passed.some((one) => one.startsWith('deals-response') && one.includes('bypass')))
    return 'computed; the cache is off'
  return 'computed, and now cached'
}

const inRegions = (regions) =>
  !regions
    ? ''
    : `In the regions: ${regions.map((each) => `${each.region} ${each.state === 'applied' ? 'has forgotten it' : 'will when it hears of it'}`).join(', ')}.`

// Of what the URL alone tells: which region has computed the data of an answer.
async function madeIn(path) {
  const token = at('write')?.dataset.token
  if (!document.querySelector('main').dataset.region || !token) return ''
  const url = `/api/admin/caching/explain/?namespace=strategic&url=${encodeURIComponent(location.origin + path)}`
  const answer = await fetch(url, { headers: { Authorization: `Bearer ${token}` }, cache: 'no-store' })
  if (!answer.ok) return ''
  const made = (await answer.json()).nodes
    .flatMap((node) => node.tiers)
    .find((tier) => tier.region && tier.state === 'fresh')
  return made ? `, its data from ${made.region}` : ''
}

async function show(link) {
  const item = link.parentElement
  let panel = item.querySelector('.answer')
  if (!panel) {
    panel = document.createElement('div')
    panel.className = 'answer'
    item.append(panel)
  }
  link.setAttribute('aria-expanded', 'true')
  const from = performance.now()
  const headers = link.dataset.token ? { Authorization: `Bearer ${link.dataset.token}` } : {}
  const answer = await fetch(link.dataset.path, { headers, cache: 'no-store' })
  const text = await answer.text()
  const took = performance.now() - from
  const made = await madeIn(link.dataset.path)
  const line = document.createElement('p')
  const origin = document.createElement('span')
  const again = document.createElement('button')
  const body = document.createElement('pre')
  origin.className = 'from'
  origin.textContent = told(answer.headers.get('cache-status')) + made
  again.className = 'again'
  again.textContent = 'ask again'
  again.onclick = () => show(link)
  line.append(again, `${answer.status}, ${time(took)} ms, `, origin)
  body.textContent = pretty(text)
  const status = answer.headers.get('cache-status')
  const note = document.createElement('p')
  note.className = 'small'
  note.textContent = status ? `Cache-Status: ${status}` : ''
  panel.replaceChildren(line, note, body)
  poll()
}

async function probe(rows, column, token, extra) {
  for (const row of rows) {
    const answer = await fetch(row.dataset.probe, {
      headers: { Authorization: `Bearer ${token}`, ...extra },
      cache: 'no-store',
    })
    await answer.text()
    const cell = row.children[column]
    cell.textContent = answer.ok ? told(answer.headers.get('cache-status')) : String(answer.status)
    cell.className = cell.textContent.startsWith('from') ? 'kept' : 'anew'
  }
}

/** By 1.00 from what it is now, whoever has changed it since this page was made. */
async function raise(deal, token) {
  const path = `/api/deals/${deal}/`
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
  const found = await fetch(path, { headers, cache: 'no-store' })
  if (!found.ok) return found
  const { amount_cents: now } = await found.json()
  return fetch(path, { method: 'PATCH', headers, body: JSON.stringify({ amount_cents: (now ?? 0) + 100 }) })
}

async function change() {
  const panel = at('write')
  const rows = [...panel.querySelectorAll('tbody tr')]
  const { token, deal } = panel.dataset
  at('change').disabled = true
  at('receipt').textContent = ''
  at('in-regions').textContent = ''
  try {
    await probe(rows, 1, token, {})
    await probe(rows, 1, token, {})
    const answer = await raise(deal, token)
    const made = await answer.json()
    await probe(
      rows,
      2,
      token,
      answer.headers.has('cache-token') ? { 'Cache-Token': answer.headers.get('cache-token') } : {},
    )
    const { tags = [], receipts = [], edge, regions } = made.forgotten ?? {}
    at('receipt').textContent = !answer.ok
      ? made.detail
      : 'Invalidation ' +
        made.invalidation +
        ': ' +
        tags.join(', ') +
        '. ' +
        receipts.map((each) => `${each.layer} in ${time(each.ms)} ms, receipt ${each.id}`).join('; ') +
        (edge ? `; at the edge ${edge === 'purged' ? 'it is gone, too' : 'it will be'}` : '')
    at('in-regions').textContent = inRegions(regions)
  } catch {
    at('receipt').textContent = 'the service does not answer'
  }
  at('change').disabled = false
  poll()
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

document.addEventListener('click', (event) => {
  const link = event.target.closest('a[data-path]')
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return
  event.preventDefault()
  const panel = link.parentElement.querySelector('.answer')
  if (panel) {
    panel.remove()
    link.removeAttribute('aria-expanded')
  } else show(link)
})
at('change')?.addEventListener('click', change)
// The other regions, by the name under which this one was reached.
for (const link of document.querySelectorAll('a[data-port]'))
  link.href = `http://${location.hostname}:${link.dataset.port}/`
poll()
setInterval(() => {
  if (!document.hidden) poll()
}, 2000)

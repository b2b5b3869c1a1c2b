// The front page: what is running, on which tiers, how well, and a link to everything that can be queried.
import { DASHBOARD_PATH } from '../control.ts'
import type { Pictures } from '../pictures.ts'
import type { Regions } from '../settings.ts'

export interface PageFacts {
  readonly organization: { readonly id: number; readonly name: string }
  /** Some more, whose images are shown. */
  readonly others: readonly { readonly id: number; readonly name: string }[]
  /** One of its deals, to try a write on. */
  readonly deal: { readonly id: number; readonly title: string } | undefined
  readonly counts: { readonly organizations: number; readonly users: number; readonly deals: number }
  readonly database: 'sqlite' | 'postgres'
  readonly tiers: readonly string[]
  /** Undefined: there are none. */
  readonly regions: Regions | undefined
  /** The port that this process was told to listen on, with other regions' above or below it; 0: any free one. */
  readonly port: number
  readonly today: string
  readonly url: string
  /** Tokens; absent for a visitor who could not use them. Never the administrator's. */
  readonly viewer: string | undefined
  readonly manager: string | undefined
}

/** What the page needs besides facts. */
export interface PageFiles {
  readonly style: string
  readonly script: string
  readonly mark: string
  /** `<picture>` of an organisation. Undefined: there are none. */
  readonly picture: Pictures['markup'] | undefined
  /** The edges that are purged, by name; a local page of its own has a URL. */
  readonly edges: readonly { readonly name: string; readonly vendor: string; readonly url: string | undefined }[]
}

interface Entry {
  readonly title: string
  readonly path: string
  readonly as: 'anyone' | 'viewer' | 'manager'
}

const NAMES: Readonly<Record<string, string>> = {
  memory: 'memory',
  sqlite: 'a SQLite file',
  redis: 'Redis',
  postgres: 'PostgreSQL',
  edge: 'the store of this region',
}

export function renderPage(facts: PageFacts, files: PageFiles): string {
  const { organization, counts, tiers } = facts
  const figure = new Intl.NumberFormat('en')
  const database = facts.database === 'sqlite' ? 'SQLite' : 'PostgreSQL'
  const path =
    tiers.length === 0
      ? 'The cache is off'
      : `Answers come from ${tiers.map((tier) => NAMES[tier] ?? tier).join(', then ')}, and only then from the database`
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Deals, cached by Millpond</title>
<link rel="icon" href="${files.mark}" type="image/svg+xml">
<link rel="stylesheet" href="${files.style}">
<script src="${files.script}" defer></script>
<main${facts.regions === undefined ? '' : ` data-region="${escaped(facts.regions.own)}"`}>
<h1>Deals</h1>
<p class="lead"><b>${figure.format(counts.deals)} deals</b> of <b>${figure.format(counts.organizations)} organisations</b> and ${figure.format(counts.users)} users in ${database}, up to ${facts.today}. ${path}. <a href="${DASHBOARD_PATH}">The dashboard of the cache</a> shows all of it.</p>
${regionsLine(facts)}

<div class="sheet">
<dl class="figures">
<div class="figure"><dt>From the cache</dt><dd id="rate">–</dd></div>
<div class="figure"><dt>Half answered within</dt><dd id="p50">–</dd></div>
<div class="figure"><dt>95 % within</dt><dd id="p95">–</dd></div>
<div class="figure"><dt>Requests</dt><dd id="requests">–</dd></div>
</dl>
<div class="tiers">
<div class="head"><h2>Where answers came from</h2><span class="small" id="queries"></span></div>
<div class="bar" id="bar"></div>
<ul class="key" id="key"></ul>
<p class="small" id="none">Nothing was asked yet. Follow a link below, twice.</p>
<p class="small" id="warming" hidden></p>
<p class="small" id="regions" hidden></p>
<p class="small warn" id="state" role="status"></p>
<dl class="saved" id="saved" hidden>
<div><dt>Compressed</dt><dd id="compressed"></dd></div>
<div><dt>Left out</dt><dd id="selected"></dd></div>
<div><dt>Sealed</dt><dd id="sealed"></dd></div>
</dl>
</div>
</div>

${writePanel(facts)}

${edgePanel(facts, files)}

<div class="columns">
${columns(facts)
  .map((column) => `<div>${column.map((section) => renderSection(section, facts)).join('\n')}</div>`)
  .join('\n')}
</div>

${facts.viewer === undefined ? '<p class="note">Tokens are shown only on the machine that runs the service.</p>' : ''}
<footer>
<p>Answers say <code>max-age</code>, as their kinds ask for. A browser that keeps to it does not see its own write until then, unless it brings what the write answered:
<code>Cache-Token</code>. This page does, and asks past the browser’s own cache.</p>
<p>The same from a terminal; send it twice and look at <code>Cache-Status</code>. What writes needs the manager’s or the administrator’s token; that of the administrator, which members, roles and the cache need, only the terminal shows.</p>
<pre>${breakable(curlLine(facts.url, organization.id, facts.viewer ?? 'TOKEN'))}</pre>
</footer>
</main>
</html>
`
}

/** Which of the regions this is, and where the others are. */
function regionsLine({ regions, port }: PageFacts): string {
  if (regions === undefined) return ''
  const { names, own } = regions
  const [origin = ''] = names
  const others = names.flatMap((name, at) => {
    if (name === own) return []
    return port === 0 ? [escaped(name)] : [`<a data-port="${port + at - names.indexOf(own)}">${escaped(name)}</a>`]
  })
  const asks = own === origin ? 'the others ask it for what they lack' : `it asks ${escaped(origin)} for what it lacks`
  return `<p class="lead">This is the region <b>${escaped(own)}</b>, beside ${others.join(', ')}: ${asks}, and a write in one invalidates the entry in all. Open ${names.length === 2 ? 'both' : 'two of them'}, raise the deal in one, and see the other’s figures change. In the dashboard you can see, drain and fill each region.</p>`
}

/** A write, and exactly what it invalidates: the same questions before and after it. */
function writePanel({ deal, manager, organization, counts }: PageFacts): string {
  if (deal === undefined || manager === undefined) return ''
  const own = `/api/cached/organizations/${organization.id}`
  const other = organization.id === 1 ? Math.min(2, counts.organizations) : 1
  const probes = [
    ['Statistics over 30 days', `${own}/statistics/?days=30`],
    ['Deals: pipeline', '/api/cached/analytics/deal-analytics/?days=30&type=pipeline'],
    ['Roles and what they may do', `${own}/roles/`],
    ['Permissions', '/api/cached/users/permissions/'],
    ['Another organisation', `/api/cached/organizations/${other}/info/`],
  ] as const
  const rows = probes.map(
    ([title, path]) => `<tr data-probe="${escaped(path)}"><th scope="row">${title}</th><td>–</td><td>–</td></tr>`,
  )
  return `<section class="write" id="write" data-token="${escaped(manager)}" data-deal="${deal.id}">
<div class="head"><h2>Change a deal, and see what is invalidated</h2><span class="small">with the manager’s token</span></div>
<div class="sheet">
<p><button id="change">Raise “${escaped(deal.title)}” by 1.00</button> <span class="small">PATCH <code>/api/deals/${deal.id}/</code></span></p>
<table><thead><tr><th scope="col">asked</th><th scope="col">before</th><th scope="col">after</th></tr></thead><tbody>${rows.join('')}</tbody></table>
<p class="small" id="in-regions" role="status"></p>
<p class="small" id="receipt" role="status"></p>
</div>
</section>`
}

/** Pictures of organisations, and what was purged at the edge. */
function edgePanel({ organization, others, regions }: PageFacts, { picture, edges }: PageFiles): string {
  const pictures =
    picture === undefined
      ? ''
      : `<figure class="pictured">${picture(organization.id, 320, `The picture of ${escaped(organization.name)}`)}
<figcaption><b>${escaped(organization.name)}</b><span class="small">Drawn from its name on the first request, and converted by a job to AVIF, WebP and PNG in the width this screen needs. If the name changes, it is redrawn here and at the edge.</span>
<span class="thumbs">${others.map(({ id, name }) => picture(id, 80, escaped(name))).join('')}</span></figcaption></figure>`
  const named = edges.map(({ name, vendor, url }) =>
    url === undefined
      ? `${escaped(name)} (${escaped(vendor)})`
      : `<a href="${escaped(url)}/api/cached/organizations/${organization.id}/roles/">${escaped(url.replace('http://', ''))}</a>, a caching proxy in place of a CDN`,
  )
  const purges =
    edges.length === 0
      ? `<p class="small">There is no edge in front of this service: ${regions === undefined ? '<code>--edge-port 8081</code> starts one, and <code>CDN_PROXY_ADMIN</code> names others' : '<code>CDN_PROXY_ADMIN</code> names some'}.</p>`
      : `<p class="small">${named.join('; ')}. Public answers are kept there until a write purges them. <a href="${DASHBOARD_PATH}cdn">All of it</a>.</p>
<table id="purges" hidden><thead><tr><th scope="col">purged there</th><th scope="col">when</th><th scope="col">state</th></tr></thead><tbody></tbody></table>
<p class="small" id="edge-state" role="status"></p>`
  return `<section class="write" id="edge">
<div class="head"><h2>Pictures, and the edge</h2></div>
<div class="sheet">${pictures}${purges}</div>
</section>`
}

/** A line to paste in a terminal. */
export function curlLine(url: string, organizationId: number, token: string): string {
  return `curl -i -H 'Authorization: Bearer ${token}' '${url}/api/cached/organizations/${organizationId}/statistics/?days=30'`
}

interface Section {
  readonly title: string
  readonly note: string
  readonly entries: readonly Entry[]
}

function columns({ organization: { id, name } }: PageFacts): readonly (readonly Section[])[] {
  const organization = `/api/cached/organizations/${id}`
  const analytics = '/api/cached/analytics/deal-analytics/?days=30&type='
  const asViewer = (title: string, path: string): Entry => ({ title, path, as: 'viewer' })
  return [
    [
      {
        title: name,
        note: 'one of the organisations',
        entries: [
          { title: 'Organisation', path: `${organization}/info/`, as: 'anyone' },
          { title: 'Roles and what they may do', path: `${organization}/roles/`, as: 'anyone' },
          ...[7, 30, 90, 365].map((days) =>
            asViewer(`Statistics over ${days} days`, `${organization}/statistics/?days=${days}`),
          ),
        ],
      },
      {
        title: 'People',
        note: 'with the viewer’s token',
        entries: [
          asViewer('Dashboard', '/api/cached/users/dashboard/'),
          asViewer('Permissions', '/api/cached/users/permissions/'),
          asViewer('Search', '/api/cached/search/?q=pilot&stage=won'),
          asViewer('Sales performance', '/api/cached/analytics/performance-metrics/'),
        ],
      },
    ],
    [
      {
        title: 'Analytics',
        note: 'of the last 30 days',
        entries: [
          asViewer('Overview', '/api/dashboard/overview-advanced/'),
          ...['overview', 'trends', 'sources', 'payments', 'pipeline'].map((type) =>
            asViewer(`Deals: ${type}`, analytics + type),
          ),
        ],
      },
      {
        title: 'The cache',
        note: 'how it performs',
        entries: [
          { title: 'Hit rates, latencies, hot keys', path: '/api/dashboard/cache-analytics/', as: 'manager' },
          { title: 'Metrics for Prometheus', path: '/api/dashboard/metrics/prometheus/', as: 'manager' },
          asViewer('State of the tiers', '/api/cache-management/cache-status/'),
        ],
      },
    ],
  ]
}

function renderSection({ title, note, entries }: Section, facts: PageFacts): string {
  const links = entries.map((entry) => link(entry, facts)).join('')
  return `<section><div class="head"><h2>${escaped(title)}</h2><span class="small">${note}</span></div><ul class="links">${links}</ul></section>`
}

function link({ title, path, as }: Entry, { viewer, manager }: PageFacts): string {
  const token = as === 'viewer' ? viewer : as === 'manager' ? manager : undefined
  const href = token === undefined ? path : `${path}${path.includes('?') ? '&' : '?'}access_token=${token}`
  const data = token === undefined ? '' : ` data-token="${escaped(token)}"`
  return `<li><a href="${escaped(href)}" data-path="${escaped(path)}"${data}><strong>${escaped(title)}</strong><code>${breakable(path)}</code><span class="who">${as}</span></a></li>`
}

/** A path that may break after its separators, not inside its words. */
function breakable(path: string): string {
  return path
    .split(/(?<=[/?])|(?=&)/)
    .map(escaped)
    .join('<wbr>')
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}

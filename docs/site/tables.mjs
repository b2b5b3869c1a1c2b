// The tables of the reference, made from the code: what can be set, called, heard, caught, measured and asked.
// @ts-check
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { READERS, VARIABLES, variablesIn } from './variables.mjs'

/** @typedef {import('./uses.mjs').Name} Name */
/** @typedef {{ name: string, text: string, link: string }} Found a page of the guide */

/** @param {string} text */
const cell = (text) => text.replaceAll('|', '\\|').replace(/\s+/g, ' ').trim()
/** @param {readonly string[]} head @param {readonly (readonly string[])[]} rows */
const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n')
/** @param {string} text */
const code = (text) => `\`${text.replaceAll('`', "'")}\``
/** @param {string} title @param {string} lead @param {string} body */
const page = (title, lead, body) => `# ${title}\n\n${lead}\n\n${body}\n`

/** The first sentence, and what is the default: the rest is a click away. @param {string} words */
function firstOf(words) {
  const sentences = words.match(/(?:`[^`]*`|[^.`]|\.(?!\s|$))+\.?/g) ?? []
  return [sentences[0], ...sentences.slice(1).filter((one) => /\bdefault\b/i.test(one))].join('').trim()
}

/** What stands behind a name, where it has words. @param {string} words */
const after = (words) => (firstOf(words) === '' ? '' : `: ${firstOf(words)}`)

const MOST_OF_TYPE = 60
/** @param {string} type */
const brief = (type) => code(type.length > MOST_OF_TYPE ? `${type.slice(0, MOST_OF_TYPE)}…` : type)

const byName = (/** @type {{ name: string }} */ a, /** @type {{ name: string }} */ b) => a.name.localeCompare(b.name)

/**
 * @param {readonly Name[]} names
 * @param {(name: Name) => boolean} which
 * @param {'method' | 'property' | undefined} kind
 * @param {string} heading
 */
function membersOf(names, which, kind, heading) {
  return names
    .filter((one) => which(one) && one.members.some((member) => kind === undefined || member.kind === kind))
    .sort((a, b) => Number(b.module === 'millpond') - Number(a.module === 'millpond') || byName(a, b))
    .map((one) => {
      const members = one.members.filter((member) => kind === undefined || member.kind === kind).sort(byName)
      const rows = members.map((member) => [
        `[${code(member.name)}](./api/${member.at})`,
        brief(member.type),
        firstOf(member.words),
      ])
      return `## ${one.name}\n\n[${code(one.name)}](./api/${one.page}) of \`${one.module}\`${after(one.words)}\n\n${table([heading, 'type', 'meaning'], rows)}`
    })
    .join('\n\n')
}

/** @param {readonly Name[]} names */
const options = (names) =>
  page(
    'Options',
    'Every option of every function, class and tier, with its default. Each name links to its page.',
    membersOf(
      names,
      ({ name }) => name.endsWith('Options') || ['Defaults', 'TierConfiguration'].includes(name),
      undefined,
      'option',
    ),
  )

/** @param {readonly Name[]} names */
const methods = (names) =>
  page(
    'Methods',
    'Methods of everything that the packages return; functions are at the end.',
    `${membersOf(names, ({ kind, name }) => ['Class', 'Interface'].includes(kind) && !name.endsWith('Options'), 'method', 'method')}\n\n## Functions\n\n${table(
      ['function', 'module', 'meaning'],
      names
        .filter(({ kind }) => kind === 'Function')
        .sort(byName)
        .map((one) => [`[${code(one.name)}](./api/${one.page})`, code(one.module), firstOf(one.words)]),
    )}`,
  )

/** @param {readonly Name[]} names */
const events = (names) =>
  page(
    'Events',
    'The events of a cache (`cache.on(name, listener)`), and what a listener receives. An event without a listener costs nothing. See [operations](../guide/operations.md).',
    membersOf(names, ({ name }) => name.endsWith('Events') && name !== 'ModelEvents', 'property', 'event'),
  )

/**
 * Codes, with the words that stand above each in the code.
 * @param {string} root
 * @param {readonly Name[]} names
 * @param {(code: string) => readonly Found[]} guideOf
 */
function errors(root, names, guideOf) {
  const lists = names.filter(({ name }) => name.endsWith('ErrorCode'))
  const body = lists.map((list) => {
    const [folder, file] = list.module === 'millpond' ? ['millpond', 'core/errors.d.ts'] : ['cdn', 'errors.d.ts']
    const text = readFileSync(join(root, 'packages', folder, 'dist', file), 'utf8')
    const words = new Map(
      [...text.matchAll(/\/\*\* ([^\n]*?) \*\/\s*\|?\s*'(\w+)'/g)].map(([, said = '', value = '']) => [value, said]),
    )
    const rows = list.values.map((value) => {
      const said = words.get(value)
      if (said === undefined) throw new Error(`${list.name} does not say what ${value} means: give it a comment`)
      const raising = names.filter(
        ({ module, throws, members }) =>
          isOf(list.module, module) &&
          [throws, ...members.map((one) => one.throws)].some((one) => one.includes(`\`${value}\``)),
      )
      const pages = guideOf(value).map(({ text: title, link }) => `[${title}](${link})`)
      return [
        code(value),
        said,
        raising.map((one) => `[${code(one.name)}](./api/${one.page})`).join(', '),
        pages.join(', '),
      ]
    })
    return `## ${list.name}\n\n[${code(list.name)}](./api/${list.page}) of \`${list.module}\`${after(list.words)}\n\n${table(['code', 'meaning', 'thrown by', 'in the guide'], rows)}`
  })
  return page(
    'Errors',
    'Every error code (`error.code`). Codes are stable; messages show the value and the remedy.',
    body.join('\n\n'),
  )
}

/** @param {string} package_ @param {string} module */
const isOf = (package_, module) => package_ !== '@millpond/cdn' || module.startsWith(package_)

/** The list with its words, as they stand above it in the code. @param {string} root */
async function causes(root) {
  const { MISS_CAUSES } = await built(root, 'millpond', 'core/causes.js')
  const text = readFileSync(join(root, 'packages/millpond/dist/core/causes.d.ts'), 'utf8')
  const words = [...text.matchAll(/^ \* - (`.*?)(?=^ \* - |^ \*\/)/gms)].map(([, one = '']) =>
    one.replace(/\n \* */g, ' ').trim(),
  )
  const rest = MISS_CAUSES.filter((/** @type {string} */ cause) => !words.some((one) => one.includes(`\`${cause}\``)))
  if (rest.length > 0) throw new Error(`core/causes.ts does not say what ${rest.join(', ')} means`)
  return page(
    'Causes of misses',
    'Why a read found nothing: in the event `miss`, in `cache.explain(key)` and in the figures. See [why did this miss?](../guide/operations.md#why-did-this-miss)',
    words.map((one) => `- ${one}`).join('\n'),
  )
}

/** @param {string} root */
async function metrics(root) {
  const { METRICS } = await built(root, 'millpond', 'observe/definitions.js')
  const ofControl = await built(root, 'control', 'metrics/definitions.js')
  const rows = (/** @type {readonly any[]} */ all) =>
    table(
      ['metric', 'kind', 'labels', 'meaning'],
      all.map((one) => [code(one.name), one.kind, one.labels.map(code).join(', '), one.help]),
    )
  return page(
    'Metrics',
    'Every metric that is exported to Prometheus and OpenTelemetry. See [figures](../guide/operations.md#figures) and [deploy with Prometheus and Grafana](../guide/deploy.md).',
    `## Library\n\n${rows(Object.values(METRICS))}\n\n## Control plane\n\n${rows(Object.values(ofControl).filter((one) => typeof one?.help === 'string'))}`,
  )
}

/** @param {string} root */
async function commands(root) {
  const { COMMANDS, GROUPS } = await built(root, 'cli', 'commands/index.js')
  const { OPTIONS, GLOBAL } = await built(root, 'cli', 'arguments/options.js')
  const { EXIT } = await built(root, 'cli', 'failure.js')
  const optionRows = (/** @type {readonly string[]} */ all) =>
    table(
      ['option', 'meaning'],
      all.map((name) => [
        code(`--${name}${OPTIONS[name].value ? ` ${OPTIONS[name].value}` : ''}`),
        OPTIONS[name].help + (OPTIONS[name].choices ? `: ${OPTIONS[name].choices.join(', ')}` : ''),
      ]),
    )
  const groups = Object.entries(GROUPS).map(([group, title]) => {
    const own = COMMANDS.filter((/** @type {any} */ command) => command.group === group)
    return `## ${title}\n\n${own
      .map(
        (/** @type {any} */ command) =>
          `### millpond ${command.name}\n\n${command.summary}\n\n\`\`\`sh\n${command.example}\n\`\`\`\n\n${[
            command.positionals.length > 0 ? `Takes ${command.positionals.map(code).join(' ')}.` : '',
            command.scope ? `Needs the permission \`${command.scope}\`.` : '',
            command.fields.length > 0 ? `Fields of its JSON: ${command.fields.map(code).join(', ')}.` : '',
          ]
            .filter(Boolean)
            .join(' ')}\n\n${command.options.length > 0 ? optionRows(command.options) : ''}`,
      )
      .join('\n\n')}`
  })
  const exits = table(
    ['exit code', 'meaning'],
    Object.entries(EXIT).map(([name, value]) => [
      String(value),
      name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`),
    ]),
  )
  return page(
    'Commands',
    'Every command of `npx millpond`, from its help. See [the command line](../guide/command-line.md).',
    `${groups.join('\n\n')}\n\n## With every command\n\n${optionRows(GLOBAL)}\n\n## Exit codes\n\n${exits}`,
  )
}

/** From the document that the control plane itself serves. @param {string} root */
async function routes(root) {
  const { createControl, ensureToken, openStore } = await built(root, 'control', 'index.js')
  const store = await openStore(':memory:')
  const token = 'r'.repeat(40)
  await ensureToken(store, { name: 'reader', role: 'admin' }, token)
  const control = createControl({ store })
  const answer = await control.fetch(
    new Request('http://127.0.0.1/api/admin/caching/openapi.json', { headers: { authorization: `Bearer ${token}` } }),
  )
  const { paths } = await answer.json()
  await control.close()
  await store.close()
  /** @type {Map<string, string[][]>} */
  const groups = new Map()
  for (const [path, verbs] of Object.entries(paths))
    for (const [verb, what] of Object.entries(/** @type {Record<string, any>} */ (verbs))) {
      const [, group = '', rest = ''] = /^\/api\/(admin\/caching|[\w-]+)\/([\w-]*)/.exec(path) ?? []
      const name = group === 'admin/caching' ? rest : group
      const asked = what.parameters
        .filter((/** @type {any} */ one) => one.in === 'query')
        .map((/** @type {any} */ one) => code(one.name))
      const body = Object.keys(what.requestBody?.content['application/json'].schema.properties ?? {}).map(code)
      const row = [
        code(`${verb.toUpperCase()} ${path}`),
        what.summary,
        what['x-permission'] === 'any' ? '' : code(what['x-permission']),
        asked.join(', '),
        body.join(', '),
      ]
      groups.set(name, [...(groups.get(name) ?? []), row])
    }
  const body = [...groups].map(
    ([name, rows]) => `## ${name}\n\n${table(['route', 'does', 'permission', 'in the query', 'in the body'], rows)}`,
  )
  return page(
    'HTTP routes',
    'The routes of the control plane, from the OpenAPI document that it serves (`GET /api/admin/caching/openapi.json`), which also has the schemas. See [the control plane](../guide/control-plane.md). The [API of the deals service](../guide/deals-api.md) is separate.',
    body.join('\n\n'),
  )
}

/**
 * Who reads which variable, what it means, and where the guide tells more.
 * @param {string} root @param {(variable: string) => readonly Found[]} guideOf
 */
function environment(root, guideOf) {
  const sections = READERS.map(([title, ...files]) => {
    const rows = variablesIn(root, files).map((name) => {
      const words = VARIABLES[name]
      if (words === undefined) throw new Error(`docs/site/variables.mjs does not say what ${name} means`)
      const pages = guideOf(name).map((one) => `[${one.text}](${one.link})`)
      return [code(name), words, pages.join(', ')]
    })
    return `## ${title}\n\n${table(['variable', 'meaning', 'in the guide'], rows)}`
  })
  return page(
    'Environment variables',
    'Every environment variable, by the part that reads it. Options that are given in code override the environment.',
    sections.join('\n\n'),
  )
}

/** @param {string} root @param {string} folder @param {string} file */
const built = (root, folder, file) => import(pathToFileURL(join(root, 'packages', folder, 'dist', file)).href)

/**
 * @param {string} root
 * @param {readonly Name[]} names
 * @param {(word: string) => readonly Found[]} guideOf pages that have the word in code
 * @returns {Promise<Readonly<Record<string, string>>>} Markdown of each table
 */
export async function tables(root, names, guideOf) {
  return {
    options: options(names),
    methods: methods(names),
    events: events(names),
    errors: errors(root, names, guideOf),
    causes: await causes(root),
    metrics: await metrics(root),
    environment: environment(root, guideOf),
    commands: await commands(root),
    routes: await routes(root),
  }
}

// Every option once: the same name means the same thing in each command.

export type Kind = 'flag' | 'text' | 'texts' | 'list' | 'count' | 'number' | 'duration'

export interface Option {
  readonly kind: Kind
  /** What stands for the value in help. */
  readonly value?: string
  readonly choices?: readonly string[]
  readonly help: string
}

export const OPTIONS = {
  url: { kind: 'text', value: 'URL', help: 'the control plane (MILLPOND_URL; http://127.0.0.1:8090)' },
  'token-file': { kind: 'text', value: 'FILE', help: 'where the token is; - for standard input (MILLPOND_TOKEN, MILLPOND_TOKEN_FILE)' },
  profile: { kind: 'text', value: 'NAME', help: 'of millpond.config.json or your own config.json (MILLPOND_PROFILE)' },
  local: { kind: 'text', value: 'STORE', help: "no server: the control plane's own store, a file or postgres://" },
  redis: { kind: 'text', value: 'URL', help: 'with --local: where the processes of the caches meet' },
  sqlite: { kind: 'text', value: 'FILE', help: 'with --local: the same, for processes of this host' },
  timeout: { kind: 'duration', value: 'TIME', help: 'for one answer, such as 30 or 2m (30 s)' },
  json: { kind: 'text', value: 'FIELDS', help: 'one document; --json=a,b some of its fields, --json= lists them' },
  ndjson: { kind: 'flag', help: 'lists and streams: a document a line, as they come' },
  quiet: { kind: 'flag', help: 'nothing on standard error but failures' },
  verbose: { kind: 'flag', help: 'every call, and more about failures' },
  'no-color': { kind: 'flag', help: 'no colour (NO_COLOR)' },
  'no-input': { kind: 'flag', help: 'ask nothing' },
  help: { kind: 'flag', help: 'what a command does' },
  version: { kind: 'flag', help: 'of this program' },

  'cache-name': { kind: 'text', value: 'CACHE', help: 'which cache, where there are several' },
  namespace: { kind: 'text', value: 'NAME', help: 'of that cache' },
  organization: { kind: 'text', value: 'NAME|ID', help: 'one organisation of the application' },
  'cache-type': { kind: 'text', value: 'TYPE', help: 'what the application calls so: strategic, response, ...; all' },
  limit: { kind: 'count', value: 'N', help: 'at most so many rows' },
  all: { kind: 'flag', help: 'all rows, page after page' },
  reason: { kind: 'text', value: 'TEXT', help: 'goes into the audit' },
  'dry-run': { kind: 'flag', help: 'show what would be done' },
  yes: { kind: 'flag', help: 'do not ask' },
  force: { kind: 'flag', help: 'do not ask' },
  confirm: { kind: 'text', value: 'TEXT', help: 'the text that a large plan asks for' },
  detach: { kind: 'flag', help: 'do not wait for the end' },
  hours: { kind: 'number', value: 'N', help: 'up to now (6)' },
  days: { kind: 'number', value: 'N', help: 'of the past' },

  watch: { kind: 'flag', help: 'again every two seconds' },
  'fail-under': { kind: 'number', value: 'SCORE', help: 'exit 3 where health is below it' },
  key: { kind: 'texts', value: 'KEY', help: 'one key; may be repeated' },
  tenant: { kind: 'text', value: 'TENANT', help: 'all of one tenant' },
  tags: { kind: 'list', value: 'A,B', help: 'by tags; may be repeated' },
  pattern: { kind: 'text', value: 'GLOB', help: 'such as user:*, or a regular expression that begins with ^' },
  model: { kind: 'text', value: 'NAME', help: 'a model of the application' },
  id: { kind: 'text', value: 'ID', help: 'one row of the model' },
  view: { kind: 'text', value: 'NAME', help: 'a view of the application' },
  api: { kind: 'text', value: 'NAME', help: 'an endpoint of the application' },
  critical: { kind: 'flag', help: "the application's critical paths" },
  file: { kind: 'text', value: 'FILE', help: 'keys, one a line; - for standard input' },
  keys: { kind: 'text', value: 'FILE', help: 'keys, one a line; - for standard input' },
  top: { kind: 'count', value: 'N', help: 'the hottest keys' },
  mode: {
    kind: 'text',
    value: 'MODE',
    choices: ['soft', 'hard'],
    help: 'soft: stale values may be served while they are loaded anew (hard)',
  },
  'max-keys': { kind: 'count', value: 'N', help: 'refuse a plan that has more' },
  scan: { kind: 'flag', help: 'count exactly by listing every tier: costly there' },
  rate: { kind: 'number', value: 'N', help: 'keys a second' },
  concurrency: { kind: 'count', value: 'N', help: 'loads at a time (8)' },
  by: { kind: 'text', value: 'WHAT', choices: ['hits', 'bytes', 'pattern', 'misses', 'loads'], help: 'hits' },
  contains: { kind: 'text', value: 'TEXT', help: 'a part of the key' },
  tag: { kind: 'text', value: 'TAG', help: 'only what carries it' },
  value: { kind: 'flag', help: 'the value too: needs values:read, and is on record' },
  diff: { kind: 'flag', help: 'the values as each process has them, compared; exit 3 where they differ; is on record' },
  history: { kind: 'flag', help: 'the operations that named it' },
  duration: { kind: 'duration', value: 'TIME', help: 'such as 120 or 2m' },
  'value-size': { kind: 'count', value: 'BYTES', help: '256' },
  traffic: { kind: 'text', value: 'SHAPE', help: 'how often keys are asked for: zipf:1.0, or uniform (zipf:1.0)' },
  ops: { kind: 'count', value: 'N', help: 'at most so many operations' },
  compare: { kind: 'text', value: 'FILE', help: 'an earlier --json answer: exit 3 where it is clearly slower than that' },
  budget: { kind: 'list', value: 'p99=2ms', help: 'exit 3 where it is missed' },
  deep: { kind: 'flag', help: 'every stored configuration is tested too' },
  junit: { kind: 'text', value: 'FILE', help: 'the same as a report for CI' },
  'create-alerts': { kind: 'flag', help: 'judge now, and raise what is bad' },
  'metrics-only': { kind: 'flag', help: 'figures, and nothing else' },
  tail: { kind: 'flag', help: 'single reads and writes as they happen, a line each' },
  once: { kind: 'flag', help: 'one picture, then the end' },
  interval: { kind: 'duration', value: 'TIME', help: 'between two pictures (1 s)' },
  export: { kind: 'text', value: 'FORMAT', choices: ['prometheus'], help: 'the figures in this form' },
  output: { kind: 'text', value: 'FILE', help: 'put whole in its place' },
  check: { kind: 'text', value: 'FILE', help: 'compare this file; exit 3 where it differs' },
  'apply-optimizations': { kind: 'flag', help: 'carry out the most important one that can be carried out, and tell what undoes it' },
  'min-impact-score': { kind: 'number', value: 'N', help: 'only those of at least this impact, 0 to 100' },
  state: { kind: 'text', value: 'STATE', choices: ['firing', 'resolved'], help: 'only those' },
  note: { kind: 'text', value: 'TEXT', help: 'why' },
  for: { kind: 'duration', value: 'TIME', help: 'how long (1 h)' },
  rule: { kind: 'text', value: 'RULE', help: 'of one rule' },
  'if-version': { kind: 'count', value: 'N', help: 'only if this is the version in force' },
  port: { kind: 'count', value: 'N', help: 'a port; 0 for any' },
  'read-only': { kind: 'flag', help: 'no action is offered' },
  actor: { kind: 'text', value: 'NAME', help: 'of one person' },
  action: { kind: 'text', value: 'ACTION', help: 'of one kind: configuration., invalidate, ...' },
  format: { kind: 'text', value: 'FORMAT', choices: ['ndjson', 'csv'], help: 'the newest 10,000 in this form' },
  regime: { kind: 'text', value: 'REGIME', choices: ['gdpr', 'soc2', 'hipaa', 'pci_dss'], help: 'one of them' },
  verify: { kind: 'flag', help: 'read the whole chain' },
  role: { kind: 'text', value: 'ROLE', choices: ['viewer', 'operator', 'editor', 'admin', 'auditor'], help: 'what may be done' },
  scopes: { kind: 'list', value: 'A,B', help: 'a part of what the role may do' },
} as const satisfies Record<string, Option>

export type OptionName = keyof typeof OPTIONS

export const optionOf = (name: OptionName): Option => OPTIONS[name]
export const isOption = (name: string): name is OptionName => Object.hasOwn(OPTIONS, name)

/** For every command. */
export const GLOBAL: readonly OptionName[] = [
  'url',
  'token-file',
  'profile',
  'local',
  'redis',
  'sqlite',
  'timeout',
  'json',
  'ndjson',
  'quiet',
  'verbose',
  'no-color',
  'no-input',
  'help',
  'version',
]
